/** The verbs of `migrate`, as they are written on the command line. */
import type { Command } from 'commander';
import { UserError } from '../app/failure.ts';
import type { AddVerb } from './command-line.ts';
import type { MigrateLintOptions } from './migrate-lint.ts';
import type { MigrateRecordOptions } from './migrate-record.ts';
import type { MigrateRepairOptions } from './migrate-repair.ts';
import type { MigrateBaselineOptions, MigrateTakeOverOptions } from './migrate-take-over.ts';
import type { MigrateRunOptions, MigrateStatusOptions, MigrateWaitOptions } from './migrate.ts';
import type { CommonOptions } from './verb-context.ts';

const folder = '--folder <path>';
const anywhere = '[folder]';

interface WithFolder extends CommonOptions {
  readonly folder?: string;
}

/** Adds the verbs to `migrate`; `onCluster` gives a verb the options for a cluster. */
export function addMigrate(migrate: Command, add: AddVerb, onCluster: (command: Command) => Command): void {
  onCluster(
    add<MigrateRunOptions>(
      `run ${anywhere}`,
      'apply what is pending, also after a failure',
      async (c, o, args) => (await import('./migrate.ts')).migrateRun(placed(o, args), c),
      migrate,
    ),
  )
    .option(folder, 'apply this folder to the database in DATABASE_URL, with no running application')
    .option('--wait <time>', 'with a folder: how long to wait for the database (default 60s)')
    .option('--no-wait', 'ask for it and end')
    .option('--phase <phase>', 'with a folder: expand, what old instances survive, or contract, the rest')
    .option('--report <file>', 'with a folder: write here what is left for the contract');
  onCluster(
    add<MigrateStatusOptions>(
      `status ${anywhere}`,
      'show what is applied and what is pending',
      async (c, o, args) => (await import('./migrate.ts')).migrateStatus(placed(o, args), c),
      migrate,
    ),
  ).option(folder, 'ask the database in DATABASE_URL, with no running application');
  add<MigrateWaitOptions>(
    'wait',
    'wait until the database in DATABASE_URL has every migration of a folder',
    async (c, o) => (await import('./migrate.ts')).migrateWait(o, c),
    migrate,
  )
    .requiredOption(folder, 'the migrations')
    .option('--timeout <time>', 'how long to wait', '1h')
    .option('--through-failures', 'go on waiting when a migration has failed, until somebody mends it');
  addLooking(migrate, add);
  addLint(migrate, add);
  addBeginning(migrate, add);
}

function addLooking(migrate: Command, add: AddVerb): void {
  add<WithFolder>(
    `plan ${anywhere}`,
    'show what a run of a folder would do to the database in DATABASE_URL, tried on a shadow',
    async (c, o, args) => (await import('./migrate-look.ts')).migratePlan(required(o, args), o, c),
    migrate,
  ).option(folder, 'the migrations');
  add<WithFolder>(
    `verify ${anywhere}`,
    'compare the schema in DATABASE_URL with what a folder leads to; exits 1 when they differ',
    async (c, o, args) => (await import('./migrate-look.ts')).migrateVerify(required(o, args), o, c),
    migrate,
  ).option(folder, 'the migrations');
  add<MigrateRepairOptions>(
    'repair',
    'write down what has become of a statement that was interrupted, in the database in DATABASE_URL',
    async (c, o) => (await import('./migrate-repair.ts')).migrateRepair(o, c),
    migrate,
  )
    .option('--applied <statement>', 'all of it is there, such as V2:3 for the third statement of version 2')
    .option('--not-applied <statement>', 'nothing of it is there: it is run again')
    .option('--reason <text>', 'how you know; it stays in the journal');
}

function addLint(migrate: Command, add: AddVerb): void {
  add<MigrateLintOptions & WithFolder>(
    `lint ${anywhere}`,
    'show what pending migrations lock, copy, and break for the version that runs; exits 1 when they do',
    async (c, o, args) => (await import('./migrate-lint.ts')).migrateLint(required(o, args), o, c),
    migrate,
  )
    .option(folder, 'the migrations')
    .option('--recording <file>', 'what the version that runs sends (default: recording.jsonl in the folder)')
    .option('--from <version>', 'without DATABASE_URL: the files up to this version count as applied')
    .option('--github', 'print annotations for GitHub besides');
  add<MigrateRecordOptions & WithFolder>(
    `record ${anywhere}`,
    "record what the version that runs sends to its database, without anybody's data, for lint",
    async (c, o, args) => (await import('./migrate-record.ts')).migrateRecord(placed(o, args).folder, o, c),
    migrate,
  )
    .option(folder, 'the migrations: record the database in DATABASE_URL, with no holdfast.yaml')
    .option('--for <time>', 'how long; Ctrl-C ends it before', '5m')
    .option('--recording <file>', 'where to (default: recording.jsonl in the folder)')
    .option('--anew', 'leave out what the file has so far');
}

/** For databases that Holdfast has not migrated so far. */
function addBeginning(migrate: Command, add: AddVerb): void {
  add<MigrateTakeOverOptions>(
    `take-over ${anywhere}`,
    'count as applied what Flyway, golang-migrate or dbmate has applied to the database in DATABASE_URL',
    async (c, o, args) => (await import('./migrate-take-over.ts')).migrateTakeOver(required(o, args), o, c),
    migrate,
  )
    .option(folder, 'the migrations')
    .option('--table <name>', "the other tool's table, when it is not named as usual");
  add<MigrateBaselineOptions>(
    `baseline <version> ${anywhere}`,
    'count every file up to a version as applied to the database in DATABASE_URL',
    async (c, o, [version = '', ...args]) =>
      (await import('./migrate-take-over.ts')).migrateBaseline(required(o, args), { ...o, version }, c),
    migrate,
  )
    .option(folder, 'the migrations')
    .option('--reason <text>', 'how you know; it stays in the journal');
}

/** The options with the folder that was written without its name. */
function placed<Options extends WithFolder>(options: Options, [path]: readonly string[]): Options {
  if (path === undefined) return options;
  if (options.folder !== undefined) throw new UserError('write the folder once, with --folder or without');
  return { ...options, folder: path };
}

function required(options: WithFolder, args: readonly string[]): string {
  const { folder: path } = placed(options, args);
  if (path === undefined) throw new UserError('which folder has the migrations?');
  return path;
}
