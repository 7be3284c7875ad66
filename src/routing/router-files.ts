/**
 * The files that HAProxy starts from: its configuration, its scripts, and the map of each stateful service. They are
 * written before the running HAProxy is changed, so that one started from them is right at any moment.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OwnerTable } from './owner-table.ts';
import { changesFile, EPOCH_ENTRY, freedFile, freedList, mapFile, ownerMap } from './router-maps.ts';
import { CERTIFICATE_FILE } from './router-tls.ts';
import { INSTANCE_SCRIPT, INSTANCE_SCRIPT_FILE } from './wait-for-instance.ts';
import { PINS_SCRIPT, PINS_SCRIPT_FILE } from './wait-for-pins.ts';

export class RouterFiles {
  readonly #folder: string;
  /** Writes happen one after the other. */
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  get config(): string {
    return join(this.#folder, 'haproxy.cfg');
  }

  /** @param judge is given the new file before it takes the old one's place, and throws when it must not */
  async writeConfig(text: string, judge?: (file: string) => Promise<void>): Promise<void> {
    await this.#write(this.config, text, judge);
  }

  /** The scripts that configurations load. */
  async writeScripts(): Promise<void> {
    await this.#write(join(this.#folder, PINS_SCRIPT_FILE), PINS_SCRIPT);
    await this.#write(join(this.#folder, INSTANCE_SCRIPT_FILE), INSTANCE_SCRIPT);
  }

  /** With the private key; undefined without a file. */
  async certificate(): Promise<string | undefined> {
    return readFile(join(this.#folder, CERTIFICATE_FILE), 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    });
  }

  /** @param pem with the private key */
  async writeCertificate(pem: string): Promise<void> {
    await this.#write(join(this.#folder, CERTIFICATE_FILE), pem);
  }

  /** Without a table nobody owns anything. */
  async writeMap(service: string, table: OwnerTable | undefined): Promise<void> {
    const text = table === undefined ? `${EPOCH_ENTRY} 0\n` : ownerMap(table);
    await this.#write(join(this.#folder, mapFile(service)), text);
    await this.#write(join(this.#folder, changesFile(service)), '');
  }

  /** Ids of servers whose pins no longer count. */
  async writeFreed(service: string, ids: Iterable<number>): Promise<void> {
    await this.#write(join(this.#folder, freedFile(service)), freedList(ids));
  }

  async #write(path: string, text: string, judge?: (file: string) => Promise<void>): Promise<void> {
    const write = this.#writing.then(async () => {
      const next = `${path}.next`;
      await writeFile(next, text, { mode: 0o600, flush: true });
      await judge?.(next);
      await rename(next, path);
    });
    this.#writing = write.catch(() => undefined);
    await write;
  }
}
