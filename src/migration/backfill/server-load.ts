/** Whether the server has so much to do that a backfill should wait. Asks the server; keeps the last answers. */

import type { Connection, RowDataPacket } from 'mysql2/promise';

/** So many statements at once are more than a database is busy with usually. */
const mostThreads = 25;
/**
 * At a full redo log every statement waits until pages are written. A server in good health keeps the log at about seven
 * eighths when it is written to for long: it has no reason to write its pages sooner.
 */
const fullLog = 0.95;
/** So often in a row a full log is a reason to wait: a server at rest may never write its pages by itself. */
const mostFullLooks = 10;
/** What a new count weighs beside those before it: one alone is chance. */
const newCountWeight = 0.2;

const variables = [
  'Threads_running',
  'wsrep_flow_control_paused_ns',
  'Innodb_checkpoint_age',
  'Innodb_checkpoint_max_age',
] as const;

/** What the server says of itself; not every server says everything. */
export type ServerStatus = Readonly<Partial<Record<(typeof variables)[number], number>>>;

export class ServerLoad {
  readonly #connection: Connection;
  #status: ServerStatus | undefined;
  #others = 0;
  #looks = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** How many statements of others run at once, by the last counts. */
  get others(): number {
    return this.#others;
  }

  /** Why to wait; none when there is no reason. */
  async obstacle(): Promise<string | undefined> {
    const names = variables.map((name) => `'${name}'`).join(', ');
    const [rows] = await this.#connection.query<RowDataPacket[]>(
      `SHOW GLOBAL STATUS WHERE Variable_name IN (${names})`,
    );
    const before = this.#status;
    this.#status = Object.fromEntries(
      rows.map((row) => [String(row['Variable_name']), Number(row['Value'])]),
    );
    this.#others = smoothed(before && this.#others, othersIn(this.#status));
    const obstacle = loadObstacle(this.#status, before, this.#looks);
    this.#looks = obstacle === undefined ? 0 : this.#looks + 1;
    return obstacle;
  }
}

/** Why to wait, by what a server says and what it has said last; `looks` is how often it was a reason in a row. Pure. */
export function loadObstacle(
  status: ServerStatus,
  before: ServerStatus | undefined,
  looks = 0,
): string | undefined {
  const threads = status.Threads_running ?? 0;
  if (threads > mostThreads) return `${threads} statements run on the server`;
  const pausedNs = status.wsrep_flow_control_paused_ns ?? 0;
  if (pausedNs > (before?.wsrep_flow_control_paused_ns ?? Infinity)) return 'a node of the cluster is behind';
  return looks < mostFullLooks && isLogFull(status) ? 'the redo log of the server is nearly full' : undefined;
}

function isLogFull(status: ServerStatus): boolean {
  const { Innodb_checkpoint_age: age = 0, Innodb_checkpoint_max_age: most = Infinity } = status;
  return age > fullLog * most;
}

/** One of those that run is who asks. */
function othersIn({ Threads_running: threads = 1 }: ServerStatus): number {
  return Math.max(0, threads - 1);
}

/** A mean in which each count weighs less than the next. Pure. */
export function smoothed(before: number | undefined, now: number): number {
  return before === undefined ? now : before + newCountWeight * (now - before);
}
