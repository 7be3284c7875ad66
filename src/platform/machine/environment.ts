/** The environment of each service's instances: what the file says, resolved, and what Holdfast gives. */
import { delimiter, dirname, join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { UserError } from '../../app/failure.ts';
import type { App, Service, ValueSource } from '../../app/model.ts';
import { isMissing } from './json-file.ts';
import { generatedSecret, userSecret } from './secret-store.ts';
import type { StateFolder } from './state-folder.ts';

export interface Surroundings {
  readonly state: StateFolder;
  /** The folder of `holdfast.yaml`. */
  readonly folder: string;
  /** The environment that `up` was called in. */
  readonly shell: Readonly<Record<string, string | undefined>>;
}

/** Linux takes 128 KiB for a variable with its name (MAX_ARG_STRLEN); bytes. */
const LONGEST_VALUE = 120_000;

type Environment = Readonly<Record<string, string>>;

/** What each service's `env` comes to, by service. @throws UserError for a value that can't be had. */
export async function resolveEnvironments(
  app: App,
  around: Surroundings,
): Promise<Record<string, Environment>> {
  const pairs = app.services.map(async (service): Promise<[string, Environment]> => {
    const entries = Object.entries(service.env).map(async ([name, source]): Promise<[string, string]> => [
      name,
      environmentValue(await resolveValue(source, { name, service, app, around }), service.name, name),
    ]);
    return [service.name, Object.fromEntries(await Promise.all(entries))];
  });
  return Object.fromEntries(await Promise.all(pairs));
}

/** What the system does not take as a variable's value is refused without showing it. */
function environmentValue(value: string, service: string, name: string): string {
  const where = `services.${service}.env.${name}`;
  if (value.includes('\0'))
    throw new UserError(`${where}: the value has a zero byte, which no variable can have`);
  if (Buffer.byteLength(value) <= LONGEST_VALUE) return value;
  throw new UserError(
    `${where}: the value has more than ${LONGEST_VALUE} bytes; let the service read a file instead`,
  );
}

interface Place {
  readonly name: string;
  readonly service: Service;
  readonly app: App;
  readonly around: Surroundings;
}

async function resolveValue(source: ValueSource, place: Place): Promise<string> {
  const where = `services.${place.service.name}.env.${place.name}`;
  if (source.kind === 'generate')
    return generatedSecret(place.around.state, `${place.service.name}/${place.name}`, source.bytes);
  if (source.kind === 'service') {
    const other = place.app.services.find((service) => service.name === source.service);
    const value = other?.env[source.key];
    if (other === undefined || value === undefined)
      throw new UserError(`${where}: the service "${source.service}" has no ${source.key}`);
    return resolveValue(value, { ...place, name: source.key, service: other });
  }
  return resolveSource(source, where, place.around);
}

/** A value that depends on no service. `where` names the place in the file for errors. */
export async function resolveSource(
  source: Exclude<ValueSource, { kind: 'generate' | 'service' }>,
  where: string,
  around: Surroundings,
): Promise<string> {
  switch (source.kind) {
    case 'value':
      return source.value;
    case 'from': {
      const value = around.shell[source.variable];
      if (value === undefined)
        throw new UserError(
          `${where}: the variable ${source.variable} is not set in this shell; set it and try again`,
        );
      return value;
    }
    case 'file':
      return fileValue(join(around.folder, source.path), where);
    case 'secret':
      return userSecret(around.state, source.secret, source.key);
  }
}

async function fileValue(path: string, where: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    const words = isMissing(error) ? `there is no file ${path}` : `${path} can't be read (${code})`;
    throw new UserError(`${where}: ${words}`, { cause: error });
  }
}

/**
 * The shell's variables that every instance gets: enough to run programs, and nothing that might be a
 * secret of the user's session. Local programs (`node_modules/.bin` here and above) are found first.
 */
export function baseEnvironment({ folder, shell }: Surroundings): Environment {
  const passed = [
    'HOME',
    'USER',
    'LOGNAME',
    'SHELL',
    'LANG',
    'LC_ALL',
    'TZ',
    'TMPDIR',
    'NODE_ENV',
    'NODE_OPTIONS',
  ];
  const kept = passed.flatMap((name) => (shell[name] === undefined ? [] : [[name, shell[name]] as const]));
  const path = [
    ...localPrograms(folder),
    ...(shell['PATH'] ?? '/usr/local/bin:/usr/bin:/bin').split(delimiter),
  ];
  return { ...Object.fromEntries(kept), PATH: [...new Set(path)].join(delimiter) };
}

function localPrograms(folder: string): string[] {
  const here = join(folder, 'node_modules', '.bin');
  const above = dirname(folder);
  return above === folder ? [here] : [here, ...localPrograms(above)];
}
