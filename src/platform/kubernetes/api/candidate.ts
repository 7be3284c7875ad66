/**
 * A process that wants to lead: it looks at the lease, and creates, takes, renews or releases it, always
 * under the version that it saw. A write whose answer was lost is found out by looking again.
 */
import type { KubeClient } from './kube-client.ts';
import { alreadyExists, isConflict } from './kube-error.ts';
import { RESOURCE_TYPES } from './kube-object.ts';
import {
  decide,
  heldLease,
  releasedLease,
  seen,
  type Lease,
  type LeaseClaim,
  type LeaseDecision,
  type SeenLease,
} from './lease.ts';

export class Candidate {
  readonly #client: KubeClient;
  readonly #claim: LeaseClaim;
  #seen: SeenLease | undefined;

  constructor(client: KubeClient, claim: LeaseClaim) {
    this.#client = client;
    this.#claim = claim;
  }

  /** Who held the lease when it was last seen; undefined when nobody did. */
  get holder(): string | undefined {
    const holder = this.#seen?.lease?.spec?.holderIdentity;
    return holder === '' ? undefined : holder;
  }

  /** One attempt to get or keep the lease, within `timeout` ms. @returns whether it is ours now */
  async attempt(timeout: number, signal?: AbortSignal): Promise<boolean> {
    const bound = AbortSignal.any([
      AbortSignal.timeout(Math.max(0, Math.round(timeout))),
      ...(signal === undefined ? [] : [signal]),
    ]);
    if (await this.#renewUnseen(bound)) return true;
    const lease = await this.#client.get<Lease>(RESOURCE_TYPES.Lease, this.#claim, bound);
    this.#seen = seen(this.#seen, lease, performance.now());
    const decision = decide(this.#seen, this.#claim.identity, performance.now());
    return decision.do !== 'wait' && this.#write(decision, bound);
  }

  /** Gives the lease up if it is still ours, so that nobody has to wait for its end. */
  async release(timeout: number): Promise<void> {
    const lease = this.#seen?.lease;
    if (lease?.spec?.holderIdentity !== this.#claim.identity) return;
    const signal = AbortSignal.timeout(Math.max(0, Math.round(timeout)));
    this.#seen = undefined;
    try {
      await this.#client.replace(releasedLease(lease, Date.now()), { signal });
    } catch (error) {
      if (!isConflict(error)) throw error; // somebody else has it already
    }
  }

  /** The usual renewal is one write: nobody changes a lease that is ours. */
  async #renewUnseen(signal: AbortSignal): Promise<boolean> {
    if (this.#seen?.lease?.spec?.holderIdentity !== this.#claim.identity) return false;
    return this.#write({ do: 'renew' }, signal);
  }

  async #write(decision: LeaseDecision, signal: AbortSignal): Promise<boolean> {
    const before = this.#seen?.lease;
    const wanted = heldLease(before, this.#claim, Date.now());
    try {
      const lease =
        decision.do === 'create'
          ? await this.#client.create(wanted, { signal })
          : await this.#client.replace(wanted, { signal });
      this.#seen = { lease, since: performance.now() };
      return true;
    } catch (error) {
      if (isConflict(error) || alreadyExists(error)) {
        this.#seen = undefined; // as we remember it, it is no more
        return false;
      }
      throw error;
    }
  }
}
