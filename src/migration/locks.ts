/**
 * Both locks of migrators: GET_LOCK of the connection that runs the statements (lock.ts), then the lease
 * (lease.ts). One who has both is the only one at work; both are given back when it is disposed of.
 */

import type { RowDataPacket } from 'mysql2/promise';
import type { Target } from './connect.ts';
import { startHeartbeat, type Heartbeat } from './heartbeat.ts';
import { leaseHolder, prepareLease, takeLease, type HeldLease } from './lease.ts';
import { takeLock } from './lock.ts';
import type { ReportProgress } from './progress.ts';

export interface LockWishes {
  readonly url: string;
  readonly signal: AbortSignal;
  readonly progress: ReportProgress;
  /** How long to wait for another migrator, in ms. */
  readonly waitMs: number;
  /** After how long without a sign of life of its holder the lease is taken over, in ms. */
  readonly leaseLifeMs?: number;
}

export interface Locks extends AsyncDisposable {
  /** Whether the server is a node of Galera. */
  readonly isCluster: boolean;
  /** Takes the lease and keeps it alive; makes its table when it is missing. */
  takeLease(): Promise<HeldLease>;
}

/** Takes GET_LOCK. Throws `OperationError` when another migrator is at work for too long. */
export async function holdLocks(target: Target, wishes: LockWishes): Promise<Locks> {
  const { connection, database } = target;
  const { url, signal, progress, waitMs, leaseLifeMs } = wishes;
  const isCluster = await readOwnWrites(target);
  await takeLock(connection, {
    database,
    waitMs,
    signal,
    waiting: async (holder) => {
      const lease = await leaseHolder(connection, database);
      progress({ kind: 'waiting', ...(holder ? { holder } : {}), ...(lease ? { lease } : {}) });
    },
  });
  let held: { readonly lease: HeldLease; readonly heartbeat: Heartbeat } | undefined;
  return {
    isCluster,
    takeLease: async () => {
      await prepareLease(connection, database);
      const lease = await takeLease(connection, {
        database,
        waitMs,
        signal,
        waiting: (holder) => {
          progress({ kind: 'waiting', lease: holder });
        },
        ...(leaseLifeMs === undefined ? {} : { lifeMs: leaseLifeMs }),
      });
      held = { lease, heartbeat: startHeartbeat(url, lease) };
      return lease;
    },
    [Symbol.asyncDispose]: async () => {
      await held?.heartbeat.end();
      try {
        await connection.query('ROLLBACK');
        await held?.lease.release(connection);
      } catch {
        // The connection is lost, and GET_LOCK with it: the next one on this server takes the lease at once.
      }
    },
  };
}

/** On Galera a node may be behind: then a read waits until it has what was committed anywhere. @returns whether it is one */
async function readOwnWrites({ connection }: Target): Promise<boolean> {
  const [rows] = await connection.query<RowDataPacket[]>("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'");
  if (rows[0]?.['Value'] !== 'ON') return false;
  await connection.query('SET SESSION wsrep_sync_wait = 15');
  return true;
}
