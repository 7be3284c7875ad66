/**
 * Replicas that a backfill must not leave behind. Nothing on a primary tells how far an asynchronous replica has
 * come, so the replicas are asked, and no clocks are compared: every second what the primary has written by then is
 * noted, and nothing more is changed until each replica has applied that too
 * (https://mariadb.com/kb/en/master_gtid_wait/).
 */

import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions, parseConnectionUrl } from '../../database/connection-url.ts';
import { reasonOf } from '../connect.ts';

/** How often they are asked at most, in ms: by so much of the backfill they are behind at most. */
const askEveryMs = 1_000;
/** How long a replica may take to answer that it is behind, in s. */
const waitSeconds = 1;
const connectTimeoutMs = 3_000;

interface Replica {
  readonly url: string;
  /** As people know it. */
  readonly name: string;
  connection?: Connection | undefined;
}

export class Replicas implements Disposable {
  readonly #primary: Connection;
  readonly #replicas: readonly Replica[];
  #askedAt = -Infinity;
  /** What they have not all applied yet. */
  #awaited: string | undefined;

  /** @param urls of the replicas, for any account of theirs */
  constructor(primary: Connection, urls: readonly string[]) {
    this.#primary = primary;
    this.#replicas = urls.map((url) => ({ url, name: nameOf(url) }));
  }

  /** Why to wait; none when there is no reason. A replica that can't be asked is one. */
  async obstacle(): Promise<string | undefined> {
    if (this.#replicas.length === 0) return undefined;
    if (this.#awaited === undefined && performance.now() - this.#askedAt < askEveryMs) return undefined;
    this.#awaited ??= await positionOf(this.#primary);
    for (const replica of this.#replicas) {
      const reason = await obstacleAt(replica, this.#awaited);
      if (reason !== undefined) return reason;
    }
    this.#awaited = undefined;
    this.#askedAt = performance.now();
    return undefined;
  }

  [Symbol.dispose](): void {
    for (const replica of this.#replicas) forget(replica);
  }
}

function nameOf(url: string): string {
  const { host, port } = parseConnectionUrl(url);
  return `${host}:${port}`;
}

/** What the primary has written into its binary log; empty when it has none. */
async function positionOf(primary: Connection): Promise<string> {
  const [[found]] = await primary.query<RowDataPacket[]>('SELECT @@GLOBAL.gtid_binlog_pos AS position');
  return String(found?.['position'] ?? '');
}

async function obstacleAt(replica: Replica, position: string): Promise<string | undefined> {
  try {
    const connection = (replica.connection ??= await connectTo(replica.url));
    const [[found]] = await connection.query<RowDataPacket[]>('SELECT MASTER_GTID_WAIT(?, ?) AS missed', [
      position,
      waitSeconds,
    ]);
    return Number(found?.['missed']) === 0 ? undefined : `the replica ${replica.name} is behind`;
  } catch (error) {
    forget(replica);
    return `the replica ${replica.name} can't be asked: ${reasonOf(error)}`;
  }
}

async function connectTo(url: string): Promise<Connection> {
  const connection = await createConnection({ ...connectionOptions(url), connectTimeout: connectTimeoutMs });
  // A lost connection also fails the next question, and there it is handled.
  connection.on('error', () => undefined);
  return connection;
}

function forget(replica: Replica): void {
  replica.connection?.destroy();
  replica.connection = undefined;
}
