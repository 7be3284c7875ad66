/**
 * One round for one application of a cluster: look, plan, carry out. It begins from nothing but what is
 * kept in the cluster, so it can end anywhere and be repeated by anybody; done again without a change it
 * does nothing.
 */
import { defined } from '../app/defined.ts';
import { UserError } from '../app/failure.ts';
import type { App } from '../app/model.ts';
import type { Observation } from '../platform/observation.ts';
import {
  SecretIsMissing,
  StepRefused,
  type Prepared,
  type Settings,
  type SettingsStore,
} from '../platform/platform.ts';
import { partOf, type ClusterStep, type ReleaseStep } from '../platform/step.ts';
import type { OwnerTable } from '../routing/owner-table.ts';
import type { Desired } from './desired.ts';
import { CLUSTER_PHASES, plan } from './plan.ts';
import type { SideFacts } from './side-conditions.ts';
import { statusOf, type Status } from './status.ts';

/** What a round needs of the place where the application runs. */
export interface RoundPlatform<P extends Prepared> {
  /** @throws UserError for what the application names and the place lacks */
  prepare(app: App): P;
  observe(wanted: P, inForce: P | undefined): Promise<Observation>;
  /** Makes sure that what is wanted is still what the round began with. @throws when it is not */
  confirm(): Promise<void>;
  apply(step: ClusterStep, wanted: P, inForce: P | undefined): Promise<void>;
  tables(): Readonly<Record<string, OwnerTable>>;
}

export interface RoundInput<P extends Prepared> {
  readonly platform: RoundPlatform<P>;
  readonly store: SettingsStore;
  /** What the user wants, or why it can't be used. */
  readonly wanted: App | UserError;
  /** Asked before each step: whether it may still be taken. */
  readonly mayAct: () => boolean;
  /** Hears of each step before it is carried out. */
  readonly tell: (step: ReleaseStep | ClusterStep) => void;
  /** Hears of each step that was carried out, also in a round that fails after it. */
  readonly done: (step: ReleaseStep | ClusterStep) => void;
}

export interface RoundResult extends SideFacts {
  /** Undefined when there is nothing that could be brought about. */
  readonly status?: Status;
  /** Why what is wanted can't be used; what was in force goes on. */
  readonly problem?: string;
  /** That is only because a Secret of the user's is missing or lacks something. */
  readonly lacksSecret?: boolean;
  /** Why what is wanted was rolled back. */
  readonly refused?: string;
  /** Services that have not got ready for as long as they may take, and nothing to fall back on. */
  readonly stuck?: string;
  /** What the platform refused to do; everything else was done. */
  readonly denied?: string;
  /** An instance leaves, and who is still there changes without a word. */
  readonly leaving: boolean;
  /** Nothing is due but that routers take up what is published, of which nothing tells. */
  readonly awaitsRouters: boolean;
}

/** @throws what the platform throws when a step does not work: the round is to be repeated */
export async function reconcile<P extends Prepared>(input: RoundInput<P>): Promise<RoundResult> {
  const { platform, store } = input;
  const settings = await store.load();
  const { desired, ...wrong } = prepared(input, settings);
  const known = { ...wrong, ...defined({ refused: settings.refused }) };
  if (desired === undefined) return { leaving: false, awaitsRouters: false, ...known };
  const observed = await platform.observe(desired.wanted, desired.inForce);
  const tables = platform.tables();
  const phases = plan(CLUSTER_PHASES, { desired, observed, tables });
  const status = statusOf({ desired, observed, phases, tables, atWork: false });
  const steps = phases.flatMap((phase) => phase.steps);
  const denied = await carryOut(steps, { ...input, settings, desired });
  const isWrong = known.problem !== undefined || known.refused !== undefined;
  return {
    status: isWrong ? { ...status, state: 'failing' } : status,
    leaving: observed.instances.some(({ state }) => state === 'leaving'),
    awaitsRouters: steps.length === 0 && (observed.router.lacks ?? []).length > 0,
    ...known,
    ...defined({ denied, volumeProblem: observed.database.volumeProblem, scaling: observed.scaling }),
    ...defined({ contract: status.migrations.contract }),
    // What is being rolled back is not stuck any more.
    ...defined({
      stuck: steps.some(({ kind }) => kind === 'roll-back') ? undefined : stuckServices(desired, observed),
    }),
  };
}

type PlannedStep = ReleaseStep | ClusterStep;

interface Work<P extends Prepared> extends RoundInput<P> {
  readonly settings: Settings;
  readonly desired: Desired & { readonly wanted: P; readonly inForce?: P };
}

/** @returns what was refused; parts that it is about are left out, all others are brought about */
async function carryOut<P extends Prepared>(
  steps: readonly PlannedStep[],
  { platform, store, settings, desired, mayAct, tell, done }: Work<P>,
): Promise<string | undefined> {
  if (steps.length === 0 || !mayAct()) return undefined;
  await platform.confirm();
  const denied = new Map<string, string>();
  for (const step of steps) {
    if (denied.has(partOf(step))) continue;
    if (!mayAct()) break;
    tell(step);
    if (isRelease(step)) {
      // What follows from it is planned anew.
      await store.save(settingsAfter(step, settings, desired));
      done(step);
      break;
    }
    const refusal = await refusalOf(platform.apply(step, desired.wanted, desired.inForce));
    if (refusal === undefined) done(step);
    else denied.set(partOf(step), refusal);
  }
  return denied.size === 0 ? undefined : [...denied.values()].join('\n');
}

/** At first the wanted instances are started before their migrations are applied, and wait for those. */
function stuckServices(
  { inForce }: Desired,
  { rollouts = {}, instances, now }: Observation,
): string | undefined {
  const services = inForce?.app.services ?? [];
  const words = services.flatMap(({ name, health }) => {
    const { state, problem = 'it does not get ready' } = rollouts[name] ?? {};
    const hasJustBegun = instances.some(
      (instance) => instance.service === name && now - (instance.initializedAt ?? -Infinity) < health.start,
    );
    return state === 'stuck' && !hasJustBegun ? [`${name}: ${problem}`] : [];
  });
  return words.length === 0 ? undefined : words.join('; ');
}

/** One part that is refused keeps no other from being brought about. */
async function refusalOf(applied: Promise<void>): Promise<string | undefined> {
  try {
    await applied;
    return undefined;
  } catch (error) {
    if (error instanceof StepRefused) return error.message;
    throw error;
  }
}

interface PreparedRound<P extends Prepared> {
  readonly desired?: Desired & { readonly wanted: P; readonly inForce?: P };
  readonly problem?: string;
  readonly lacksSecret?: boolean;
}

/** A spec that can't be used leaves what is in force as it is. */
function prepared<P extends Prepared>(
  { platform, wanted: app }: RoundInput<P>,
  settings: Settings,
): PreparedRound<P> {
  const attempted = app instanceof UserError ? app : attempt(platform, app);
  const inForce = usable(platform, settings.inForce);
  const wanted = attempted instanceof UserError ? inForce : attempted;
  const problem =
    attempted instanceof UserError
      ? { problem: attempted.message, lacksSecret: attempted instanceof SecretIsMissing }
      : {};
  if (wanted === undefined) return problem;
  const { scale, refused } = settings;
  const known = defined({ inForce, accepted: usable(platform, settings.accepted), refused });
  return { desired: { wanted, scale, ...known }, ...problem };
}

/** Undefined for what can't be had any more: what is wanted decides alone, and says so if it needs it too. */
function usable<P extends Prepared>(platform: RoundPlatform<P>, app: App | undefined): P | undefined {
  const found = app && attempt(platform, app);
  return found instanceof UserError ? undefined : found;
}

function attempt<P extends Prepared>(platform: RoundPlatform<P>, app: App): P | UserError {
  try {
    return platform.prepare(app);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

function isRelease(step: ReleaseStep | ClusterStep): step is ReleaseStep {
  return step.kind === 'admit' || step.kind === 'accept' || step.kind === 'roll-back';
}

function settingsAfter(step: ReleaseStep, settings: Settings, desired: Desired): Settings {
  const { refused: _, ...kept } = settings;
  const { wanted, inForce, accepted } = desired;
  switch (step.kind) {
    case 'admit':
      return { ...kept, inForce: wanted.app };
    case 'accept':
      return { ...kept, ...defined({ accepted: inForce?.app }) };
    case 'roll-back':
      // What is wanted by now was not tried yet: only what was in force is given up.
      return {
        ...kept,
        ...defined({ inForce: accepted?.app, refused: inForce === wanted ? step.reason : undefined }),
      };
  }
}
