/**
 * Which statements in the server's general log are of one database. The log names the thread of each; a thread's
 * database is told when it connects or changes it, and by the list of processes for those that were there before.
 * See https://mariadb.com/kb/en/mysqlgeneral_log-table/.
 */

import type { SentStatement } from './collection.ts';

/** A row of the log. */
export interface LogEntry {
  readonly thread: number;
  /** Such as `shop[shop] @ web-1 [10.0.0.7]`. */
  readonly userHost: string;
  readonly command: string;
  readonly argument: string;
}

/** A connection as the list of processes has it. */
export interface Process {
  readonly thread: number;
  readonly database: string | null;
}

export interface Followed {
  readonly database: string;
  /** Of these accounts only; without it of all. */
  readonly accounts?: readonly string[];
}

export class LogFollower {
  readonly #followed: Followed;
  readonly #databases = new Map<number, string>();

  constructor(followed: Followed) {
    this.#followed = followed;
  }

  /** Tells which databases threads have that the log has said nothing of. */
  know(processes: readonly Process[]): void {
    for (const { thread, database } of processes)
      if (!this.#databases.has(thread)) this.#databases.set(thread, database ?? '');
  }

  /** The statement of an entry; none when it has none, or one of others. */
  follow({ thread, userHost, command, argument }: LogEntry): SentStatement | undefined {
    switch (command) {
      case 'Connect':
      case 'Change user':
        this.#databases.set(thread, databaseOf(argument));
        return undefined;
      case 'Init DB':
        this.#databases.set(thread, argument);
        return undefined;
      case 'Quit':
        this.#databases.delete(thread);
        return undefined;
      case 'Query':
      case 'Execute':
        return this.#statement(thread, userHost, argument);
      default:
        return undefined;
    }
  }

  #statement(thread: number, userHost: string, sql: string): SentStatement | undefined {
    const used = useStatement.exec(sql)?.groups?.['name'];
    if (used !== undefined) this.#databases.set(thread, used.replaceAll('`', ''));
    const { database, accounts } = this.#followed;
    const account = accountOf(userHost);
    if (this.#databases.get(thread) !== database || accounts?.includes(account) === false) return undefined;
    return { account, sql };
  }
}

const useStatement = /^\s*USE\s+(?<name>`[^`]+`|[\w$]+)\s*;?\s*$/i;

/** `shop@web-1 on community using TCP/IP`, without a database `on  using`. */
function databaseOf(argument: string): string {
  return / on (?<name>.*?)(?: using [\w/ ]+)?$/s.exec(argument)?.groups?.['name'] ?? '';
}

function accountOf(userHost: string): string {
  return userHost.slice(0, Math.max(0, userHost.indexOf('[')));
}
