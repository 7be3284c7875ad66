/** Follows the schema of the shadow from statement to statement and reads no more than may have changed. */

import type { Connection } from 'mysql2/promise';
import { fingerprintOf, readSchema, readTouched, type Schema } from '../fingerprint.ts';
import { readStamps, touchedBy, type Stamps } from './touched.ts';

export interface ReaderPlace {
  /** Takes several statements at once. */
  readonly connection: Connection;
  readonly database: string;
  /** Where the server has the files of the database; without it everything is read every time. */
  readonly folder?: string;
}

export class SchemaReader {
  readonly #place: ReaderPlace;
  #known: Schema;
  #stamps: Stamps | undefined;

  private constructor(place: ReaderPlace, known: Schema, stamps: Stamps | undefined) {
    this.#place = place;
    this.#known = known;
    this.#stamps = stamps;
  }

  /** Begins with the schema that is there. */
  static async begin(place: ReaderPlace): Promise<SchemaReader> {
    const stamps = stampsOf(place);
    return new SchemaReader(place, await readSchema(place.connection, place.database), stamps);
  }

  get known(): Schema {
    return this.#known;
  }

  /** The schema after a statement that executed `commands`; see rehearsal.ts. */
  async after(commands: readonly string[]): Promise<Schema> {
    const { connection, database, folder } = this.#place;
    const now = stampsOf(this.#place);
    const touched =
      folder !== undefined && this.#stamps && now
        ? touchedBy(folder, commands, { before: this.#stamps, after: now })
        : undefined;
    this.#known = touched
      ? await readTouched(connection, database, { known: this.#known, touched })
      : await readSchema(connection, database);
    this.#stamps = now;
    return this.#known;
  }

  /** Whether all that was read is what the server says of the whole schema. */
  async isRight(): Promise<boolean> {
    const { connection, database } = this.#place;
    return fingerprintOf(await readSchema(connection, database)) === fingerprintOf(this.#known);
  }
}

function stampsOf({ folder }: ReaderPlace): Stamps | undefined {
  return folder === undefined ? undefined : readStamps(folder);
}
