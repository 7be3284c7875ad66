/**
 * What the keys of a file must agree on: routes and references name what exists, a least number is not
 * above the greatest, a database has the keys of its topology. It reads the plain data, not the parsed
 * file, so that these findings come together with those of the schema; what the schema refuses anyway
 * is passed over.
 */
import type { Finding } from './finding.ts';
import { nearestName } from './nearest-name.ts';
import { entriesOf, isMap, keysOf, valueAt } from './raw-value.ts';
import { isFreeDatabaseName } from './database-schema.ts';

/** Findings about the data of a file, in no order. */
export function disagreements(data: unknown): Finding[] {
  return [
    ...aboutNames(data),
    ...aboutRoutes(data),
    ...aboutInstances(data),
    ...aboutLoad(data),
    ...aboutHandOver(data),
    ...aboutWarmUp(data),
    ...aboutRouter(data),
    ...aboutDatabase(data),
    ...aboutMigrations(data),
  ];
}

/** "unknown service" with the nearest one; shared with the references between services. */
export function unknownService(path: readonly string[], wrong: string, services: readonly string[]): Finding {
  const nearest = nearestName(wrong, services);
  const expected = `one of the services ${services.join(', ')}`;
  const hint = nearest === undefined ? `expected ${expected}` : `did you mean "${nearest}"?`;
  const message = `there is no service ${JSON.stringify(wrong)}; ${hint}`;
  return { path, part: 'value', message, expected, ...(nearest === undefined ? {} : { nearest }) };
}

/**
 * Objects of a cluster are called APP-SERVICE and what Kubernetes and Holdfast add to it: `-owners`, or for
 * a pod `-` and 10 characters of its set, `-` and 5 of its own. A name has at most 63 characters (RFC 1123).
 */
export const LONGEST_NAMES = 45;

function aboutNames(data: unknown): Finding[] {
  const app = valueAt(data, 'name');
  if (typeof app !== 'string') return [];
  return keysOf(valueAt(data, 'services'))
    .filter((service) => app.length + service.length > LONGEST_NAMES)
    .map((service) => {
      const expected = `at most ${LONGEST_NAMES} characters`;
      const message =
        `this name and that of the application have ${app.length + service.length} characters together; ` +
        `expected ${expected}, since objects of a cluster are called by both`;
      return { path: ['services', service], part: 'key', message, expected };
    });
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

function aboutLoad(data: unknown): Finding[] {
  const why = 'the instances of a stateful service keep users and do not follow the load';
  return entriesOf(valueAt(data, 'services')).flatMap(([name, service]) =>
    valueAt(service, 'stateful') === undefined
      ? []
      : refused(data, ['services', name, 'instances'], ['cpu', 'memory'], why),
  );
}

/** With hand-over a table follows from the one before; the other kinds follow from the instances alone. */
function aboutHandOver(data: unknown): Finding[] {
  return entriesOf(valueAt(data, 'services')).flatMap(([name, service]) => {
    const table = valueAt(service, 'stateful', 'table') ?? 'steady';
    if (valueAt(service, 'stateful', 'handoff') !== true || table === 'steady') return [];
    const message = 'expected steady: with handoff a few slots move at a time, which no other table allows';
    const path = ['services', name, 'stateful', 'table'];
    return [{ path, part: 'value' as const, message, expected: 'steady', nearest: 'steady' }];
  });
}

/** It is made of weights: with hand-over slots move one after the other anyway, and other tables would move more. */
function aboutWarmUp(data: unknown): Finding[] {
  return entriesOf(valueAt(data, 'services')).flatMap(([name, service]) => {
    const table = valueAt(service, 'stateful', 'table') ?? 'steady';
    const handsOver = valueAt(service, 'stateful', 'handoff') === true;
    if (!handsOver && table === 'steady') return [];
    const why = handsOver
      ? 'with handoff sessions come slot by slot'
      : 'only the table steady moves so few users';
    return refused(data, ['services', name, 'stateful'], ['warmup'], why);
  });
}

function aboutRouter(data: unknown): Finding[] {
  const service = valueAt(data, 'router', 'service') ?? 'ClusterIP';
  if (service !== 'ClusterIP') return [];
  const why = 'a ClusterIP has no port on the nodes';
  return [
    ...refused(data, ['router'], ['nodePort'], why),
    ...refused(data, ['router', 'tls'], ['nodePort'], why),
  ];
}

function aboutDatabase(data: unknown): Finding[] {
  const topology = valueAt(data, 'database', 'topology');
  if (topology === 'external') return aboutExternal(data);
  if (topology !== 'single') return [];
  return [
    ...refused(data, ['database'], ['url'], 'only topology external has a URL'),
    ...aboutDefaultName(data),
  ];
}

/** Keys of a server that Holdfast runs. */
const OF_OWN_SERVER = ['name', 'memory', 'storage', 'storageClass', 'existingSecret', 'resources'];

function aboutExternal(data: unknown): Finding[] {
  const why = 'with topology external the server is your own';
  const findings = refused(data, ['database'], OF_OWN_SERVER, why);
  if (valueAt(data, 'database', 'url') !== undefined) return findings;
  const expected = 'the source of the URL, for example url: { from: DATABASE_URL }';
  return [
    ...findings,
    { path: ['database', 'url'], part: 'value', message: `missing; expected ${expected}`, expected },
  ];
}

/** A finding for each of `keys` that stands in the map at `path`. */
function refused(data: unknown, path: readonly string[], keys: readonly string[], why: string): Finding[] {
  return keys
    .filter((key) => valueAt(data, ...path, key) !== undefined)
    .map((key) => ({
      path: [...path, key],
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
