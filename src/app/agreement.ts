/**
 * What the keys of a file must agree on: routes and references name what exists, a least number is not
 * above the greatest, a database has the keys of its topology. It reads the plain data, not the parsed
 * file, so that these findings come together with those of the schema; what the schema refuses anyway
 * is passed over.
 */
import type { Finding } from './finding.ts';
import { nearestName } from './nearest-name.ts';
import { entriesOf, isMap, keysOf, valueAt } from './raw-value.ts';
import { isFreeDatabaseName } from './schema.ts';

/** Findings about the data of a file, in no order. */
export function disagreements(data: unknown): Finding[] {
  return [...aboutRoutes(data), ...aboutInstances(data), ...aboutDatabase(data), ...aboutMigrations(data)];
}

/** "unknown service" with the nearest one; shared with the references between services. */
export function unknownService(path: readonly string[], wrong: string, services: readonly string[]): Finding {
  const nearest = nearestName(wrong, services);
  const expected = `one of the services ${services.join(', ')}`;
  const hint = nearest === undefined ? `expected ${expected}` : `did you mean "${nearest}"?`;
  const message = `there is no service ${JSON.stringify(wrong)}; ${hint}`;
  return { path, part: 'value', message, expected, ...(nearest === undefined ? {} : { nearest }) };
}

function aboutRoutes(data: unknown): Finding[] {
  const services = keysOf(valueAt(data, 'services'));
  const routes = valueAt(data, 'routes');
  if (routes === undefined && services.length > 1) return [missingRoutes(services)];
  return entriesOf(routes).flatMap(([path, service]) =>
    typeof service !== 'string' || services.includes(service)
      ? []
      : [unknownService(['routes', path], service, services)],
  );
}

function missingRoutes(services: readonly string[]): Finding {
  const [first = '', ...others] = services;
  const example = [...others.map((name) => `/${name}: ${name}`), `/: ${first}`].join(', ');
  const expected = 'a map from a path to the name of a service';
  const message = `missing; with several services say which gets which path, for example routes: { ${example} }`;
  return { path: ['routes'], part: 'value', message, expected };
}

function aboutInstances(data: unknown): Finding[] {
  return entriesOf(valueAt(data, 'services')).flatMap(([name, service]) => {
    const min = valueAt(service, 'instances', 'min') ?? 2;
    const max = valueAt(service, 'instances', 'max');
    if (typeof min !== 'number' || typeof max !== 'number' || max < 1 || min <= max) return [];
    const least =
      valueAt(service, 'instances', 'min') === undefined ? `${min}, the default of min` : `min, ${min}`;
    const message = `${max} is less than ${least}`;
    const path = ['services', name, 'instances', 'max'];
    return [{ path, part: 'value' as const, message, expected: `at least ${min}` }];
  });
}

function aboutDatabase(data: unknown): Finding[] {
  const database = valueAt(data, 'database');
  const topology = valueAt(database, 'topology');
  if (topology === 'external') return aboutExternal(database);
  if (topology !== 'single') return [];
  return [...refused(database, ['url'], 'only topology external has a URL'), ...aboutDefaultName(data)];
}

function aboutExternal(database: unknown): Finding[] {
  const findings = refused(database, ['name', 'memory'], 'with topology external the server is your own');
  if (valueAt(database, 'url') !== undefined) return findings;
  const expected = 'the source of the URL, for example url: { from: DATABASE_URL }';
  return [
    ...findings,
    { path: ['database', 'url'], part: 'value', message: `missing; expected ${expected}`, expected },
  ];
}

function refused(database: unknown, keys: readonly string[], why: string): Finding[] {
  return keys
    .filter((key) => valueAt(database, key) !== undefined)
    .map((key) => ({
      path: ['database', key],
      part: 'key',
      message: `remove it: ${why}`,
      expected: 'no such key',
    }));
}

/** Without `database.name` the application's name is taken, which may be one of the server's own databases. */
function aboutDefaultName(data: unknown): Finding[] {
  const name = valueAt(data, 'name');
  if (typeof name !== 'string' || valueAt(data, 'database', 'name') !== undefined) return [];
  if (isFreeDatabaseName(defaultDatabaseName(name))) return [];
  const expected = `another name than ${defaultDatabaseName(name)}, which the server itself has`;
  return [{ path: ['database', 'name'], part: 'value', message: `missing; expected ${expected}`, expected }];
}

/** The database's name when the file gives none: hyphens would need quoting in SQL. */
export function defaultDatabaseName(appName: string): string {
  return appName.replaceAll('-', '_');
}

function aboutMigrations(data: unknown): Finding[] {
  const migrations = valueAt(data, 'migrations');
  if (!isMap(migrations) || valueAt(data, 'database') !== undefined) return [];
  const expected = 'a database beside it, for example database: { topology: single }';
  return [
    { path: ['migrations'], part: 'key', message: `there is no database; expected ${expected}`, expected },
  ];
}
