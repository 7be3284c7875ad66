/**
 * The owner tables of a machine, one file a service. The controller that holds the application's lock is
 * the only writer; an epoch only grows, so it means one table for ever.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OperationError } from '../../app/failure.ts';
import { decodeTable, encodeTable, type OwnerTable } from '../../routing/owner-table.ts';
import { readIfThere, writeJson } from './json-file.ts';

const SUFFIX = '.table.json';

export class TableFiles {
  readonly #folder: string;
  readonly #tables = new Map<string, OwnerTable>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads what was published so far. */
  async open(): Promise<void> {
    for (const name of (await readdir(this.#folder)).filter((file) => file.endsWith(SUFFIX))) {
      const text = await readIfThere(join(this.#folder, name));
      const table = decodeTable(JSON.parse(text ?? ''));
      this.#tables.set(table.service, table);
    }
  }

  all(): Record<string, OwnerTable> {
    return Object.fromEntries(this.#tables);
  }

  get(service: string): OwnerTable | undefined {
    return this.#tables.get(service);
  }

  /** @throws OperationError when another table has been published meanwhile. */
  async publish(table: OwnerTable): Promise<void> {
    const known = this.#tables.get(table.service);
    if (known === table) return;
    if (table.epoch <= (known?.epoch ?? 0))
      throw new OperationError(
        `the owner table of ${table.service} is at epoch ${known?.epoch ?? 0}, epoch ${table.epoch} does not follow it`,
      );
    await writeJson(join(this.#folder, `${table.service}${SUFFIX}`), encodeTable(table));
    this.#tables.set(table.service, table);
  }
}
