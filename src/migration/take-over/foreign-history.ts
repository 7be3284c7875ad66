/** What another tool has kept about a database that it has migrated so far, as its own table says. */

/** A row of `flyway_schema_history`. */
export interface FlywayRow {
  readonly rank: number;
  /** None for repeatable files and for the making of the schema. */
  readonly version: string | undefined;
  readonly description: string;
  /** SQL, JDBC, BASELINE, SCHEMA, DELETE, UNDO_SQL and others. */
  readonly type: string;
  /** Path of the file below the folder, or name of the class. */
  readonly script: string;
  /** As Flyway counts it; see flyway-checksum.ts. */
  readonly checksum: number | undefined;
  readonly installedBy: string;
  readonly installedAt: Date;
  readonly success: boolean;
}

export type ForeignHistory =
  | { readonly tool: 'flyway'; readonly table: string; readonly rows: readonly FlywayRow[] }
  /** It has kept the last version only; none when nothing is applied. */
  | {
      readonly tool: 'golang-migrate';
      readonly table: string;
      readonly version: string | undefined;
      readonly dirty: boolean;
    }
  | { readonly tool: 'dbmate'; readonly table: string; readonly versions: readonly string[] };

export type ForeignTool = ForeignHistory['tool'];

/** Where each tool keeps its history unless it was told otherwise. */
export const foreignTables: Readonly<Record<ForeignTool, string>> = {
  flyway: 'flyway_schema_history',
  'golang-migrate': 'schema_migrations',
  dbmate: 'schema_migrations',
};
