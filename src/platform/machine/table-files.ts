/**
 * The owner tables of a machine, one file a service. The controller that holds the application's lock is
 * the only writer; an epoch only grows, so it means one table for ever.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OperationError } from '../../app/failure.ts';
import { decodeStored, encodeStored } from '../../routing/hand-over/copied-table.ts';
import type { OwnerTable } from '../../routing/owner-table.ts';
import { parseHistory, withChange, type TableChange } from '../../routing/table-history.ts';
import { readIfThere, writeJson } from './json-file.ts';

const SUFFIX = '.table.json';

export class TableFiles {
  readonly #folder: string;
  readonly #tables = new Map<string, OwnerTable>();
  readonly #histories = new Map<string, readonly TableChange[]>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads what was published so far. */
  async open(): Promise<void> {
    for (const name of (await readdir(this.#folder)).filter((file) => file.endsWith(SUFFIX))) {
      const text = await readIfThere(join(this.#folder, name));
      const { history, ...encoded } = (JSON.parse(text ?? '') ?? {}) as { history?: unknown };
      const table = decodeStored(encoded);
      this.#tables.set(table.service, table);
      this.#histories.set(table.service, parseHistory(history ?? []));
    }
  }

  all(): Record<string, OwnerTable> {
    return Object.fromEntries(this.#tables);
  }

  get(service: string): OwnerTable | undefined {
    return this.#tables.get(service);
  }

  /** What became of a table, the last change first. */
  history(service: string): readonly TableChange[] {
    return this.#histories.get(service) ?? [];
  }

  /**
   * @param reason of the change, for people
   * @param encoded the table's JSON, for whoever has it already
   * @throws OperationError when another table has been published meanwhile
   */
  async publish(table: OwnerTable, reason: string, encoded?: object): Promise<void> {
    const known = this.#tables.get(table.service);
    if (known === table) return;
    if (table.epoch <= (known?.epoch ?? 0))
      throw new OperationError(
        `the owner table of ${table.service} is at epoch ${known?.epoch ?? 0}, epoch ${table.epoch} does not follow it`,
      );
    const history = withChange(this.history(table.service), known, table, { at: Date.now(), reason });
    const stored = { ...(encoded ?? encodeStored(table)), history };
    await writeJson(join(this.#folder, `${table.service}${SUFFIX}`), stored);
    this.#tables.set(table.service, table);
    this.#histories.set(table.service, history);
  }
}
