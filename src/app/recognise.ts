/**
 * Guesses from what lies in a folder how its application is put together, as a start for its
 * `holdfast.yaml`. Pure. Every name it gives fits the schema, whatever folders and packages are called.
 */
import { defaultDatabaseName } from './agreement.ts';
import { isFreeDatabaseName } from './database-schema.ts';
import { PART_NAMES } from './service-schema.ts';

/** The parts of a `package.json` that tell how a program is started. */
export interface PackageFacts {
  readonly name?: string;
  readonly main?: string;
  readonly scripts: Readonly<Record<string, string>>;
  /** Names only. */
  readonly dependencies: readonly string[];
}

export interface ProgramFacts {
  /** Names of the files right in it. */
  readonly files: readonly string[];
  readonly package?: PackageFacts;
}

/** What `init` looks at in a folder. */
export interface FolderFacts extends ProgramFacts {
  readonly folderName: string;
  /** Relative to the folder, with `/`. */
  readonly subfolders: readonly (ProgramFacts & { readonly path: string })[];
  /** Folders that hold `V1__name.sql` files; relative, with `/`. */
  readonly migrationFolders: readonly string[];
}

export interface ServiceGuess {
  readonly name: string;
  /** Undefined when nothing tells how it is started. */
  readonly run?: string;
}

export interface AppGuess {
  readonly name: string;
  /** At least one; the one that gets `/` comes first. */
  readonly services: readonly [ServiceGuess, ...ServiceGuess[]];
  readonly hasDatabase: boolean;
  /** Folder of the migration files. */
  readonly migrations?: string;
}

const ENTRY_FILES = ['main', 'index', 'server', 'app'].flatMap((stem) =>
  ['ts', 'js', 'mts', 'mjs'].map((ending) => `${stem}.${ending}`),
);

/** Folders that hold no service of their own in a usual project. */
const NOT_SERVICES: ReadonlySet<string> = new Set(
  'src lib dist build out bench test tests __tests__ e2e docs scripts tools bin public static assets config coverage migrations shared common types node_modules vendor examples'.split(
    ' ',
  ),
);

const FRONT_NAMES: readonly string[] = ['web', 'www', 'frontend', 'site', 'ui', 'app', 'main', 'gateway'];
const MARIADB_CLIENTS: readonly string[] = ['mysql2', 'mysql', 'mariadb', '@prisma/adapter-mariadb'];
const PRISMA: readonly string[] = ['prisma', '@prisma/client'];
/** Clients of other databases: beside one of these, Prisma says nothing about MariaDB. */
const OTHER_CLIENTS: readonly string[] = [
  'pg',
  '@prisma/adapter-pg',
  'better-sqlite3',
  'sqlite3',
  'mongodb',
  'mongoose',
];

/** The most likely application in a folder. */
export function recognise(facts: FolderFacts): AppGuess {
  const [migrations] = facts.migrationFolders.filter(isPlainPath);
  const hasDatabase = migrations !== undefined || usesMariadb(facts);
  const name = appName(facts);
  const services = frontFirst(servicesOf(facts, name), name);
  return {
    name,
    services,
    hasDatabase,
    ...(migrations === undefined ? {} : { migrations: `./${migrations}` }),
  };
}

/** A name that its database can have too, now or later. */
function appName(facts: FolderFacts): string {
  const packageName = facts.package?.name?.replace(/^@[^/]*\//, '') ?? '';
  const name = toLabel(packageName) ?? toLabel(facts.folderName) ?? 'app';
  return isFreeDatabaseName(defaultDatabaseName(name)) ? name : `app-${name}`;
}

/** Half of what the name of the application and that of a service may have together. */
const LONGEST_NAME = 22;

/** A valid name as near as possible; undefined if no letter is left. */
function toLabel(text: string): string | undefined {
  const label = text
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, LONGEST_NAME)
    .replace(/-+$/, '');
  return label === '' ? undefined : label;
}

function servicesOf(facts: FolderFacts, appName: string): [ServiceGuess, ...ServiceGuess[]] {
  const own = commandIn('', facts);
  const [first, ...others] = facts.subfolders.flatMap((folder) =>
    subfolderService(folder, own !== undefined),
  );
  if (first !== undefined && others.length > 0) return withDistinctNames([first, ...others]);
  if (own === undefined && first !== undefined) return [first];
  const name = PART_NAMES.includes(appName) ? 'app' : appName;
  return [own === undefined ? { name } : { name, run: own }];
}

/** In a program that starts by itself, folders with just an index file are its modules. */
function subfolderService(
  folder: ProgramFacts & { readonly path: string },
  rootStarts: boolean,
): ServiceGuess[] {
  const base = folder.path.split('/').at(-1) ?? '';
  const name = toLabel(base);
  if (name === undefined || PART_NAMES.includes(name) || NOT_SERVICES.has(base) || !isPlainPath(folder.path))
    return [];
  if (rootStarts && folder.package === undefined) return [];
  const run = commandIn(folder.path, folder);
  return run === undefined ? [] : [{ name, run }];
}

/** How the program in `path` (empty: the folder itself) is started from the folder of the file. */
function commandIn(path: string, program: ProgramFacts): string | undefined {
  const start = program.package?.scripts['start'];
  if (start !== undefined) return path === '' ? rootStart(start, program) : `npm --prefix ${path} start`;
  const main = program.package?.main?.replace(/^\.\//, '');
  const entry = [main, ...ENTRY_FILES].find((file) => file !== undefined && program.files.includes(file));
  if (entry === undefined || !isPlainPath(entry)) return undefined;
  return `node ${path === '' ? entry : `${path}/${entry}`}`;
}

/** A plain `node` command is run without npm in between, which would have to pass signals on. */
function rootStart(start: string, program: ProgramFacts): string {
  const isPlainNode = /^node [\w ./=:@-]+$/.test(start) && program.package?.scripts['prestart'] === undefined;
  return isPlainNode ? start : 'npm start';
}

/** Needs no quotes in a command. */
function isPlainPath(path: string): boolean {
  return /^[\w./@-]+$/.test(path) && !path.startsWith('-');
}

function withDistinctNames(
  services: readonly [ServiceGuess, ...ServiceGuess[]],
): [ServiceGuess, ...ServiceGuess[]] {
  const [first, ...others] = services;
  const distinct: [ServiceGuess, ...ServiceGuess[]] = [first];
  for (const service of others) {
    const taken = new Set(distinct.map(({ name }) => name));
    distinct.push({ ...service, name: freeName(service.name, taken) });
  }
  return distinct;
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let count = 2; ; count += 1) {
    const numbered = `${name.slice(0, LONGEST_NAME - 6)}-${count}`;
    if (!taken.has(numbered)) return numbered;
  }
}

function frontFirst(
  services: [ServiceGuess, ...ServiceGuess[]],
  appName: string,
): [ServiceGuess, ...ServiceGuess[]] {
  const isFront = ({ name }: ServiceGuess): boolean => name === appName || FRONT_NAMES.includes(name);
  const front = services.find(isFront) ?? services[0];
  return [front, ...services.filter((service) => service !== front)];
}

function usesMariadb(facts: FolderFacts): boolean {
  const all = [facts, ...facts.subfolders].flatMap((program) => program.package?.dependencies ?? []);
  const has = (names: readonly string[]): boolean => names.some((name) => all.includes(name));
  return has(MARIADB_CLIENTS) || (has(PRISMA) && !has(OTHER_CLIENTS));
}
