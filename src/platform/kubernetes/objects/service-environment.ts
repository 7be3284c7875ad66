/** The environment of a service's containers: values as they are, secrets by reference. Pure. */
import { UserError } from '../../../app/failure.ts';
import type { App, Service, ValueSource } from '../../../app/model.ts';
import { keySource } from '../../../session/request-key.ts';
import { namesOf, PORTS } from './names.ts';

/** One variable of a container. */
export type EnvVar =
  | { readonly name: string; readonly value: string }
  | {
      readonly name: string;
      readonly valueFrom: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
    }
  | { readonly name: string; readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } } };

/** A value that Holdfast makes once and keeps. */
export interface GeneratedValue {
  /** Key in the Secret of generated values. */
  readonly key: string;
  readonly bytes: number;
}

/** What the file says and what Holdfast gives. @throws UserError for a source that only a machine has */
export function serviceEnvironment(app: App, service: Service): EnvVar[] {
  const own = Object.entries(service.env).map(([name, source]) =>
    variable(name, source, { app, service: service.name, name }),
  );
  return [
    ...own,
    { name: 'PORT', value: String(PORTS.service) },
    { name: 'HOST', value: '0.0.0.0' },
    { name: 'INSTANCE', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    ...sessionVariables(service),
    ...(app.database === undefined ? [] : [databaseUrl(app, service.name)]),
  ];
}

/** Where services reach each other, HTTP also where users have HTTPS: no certificate has this name. */
export function routerUrl({ name }: App): EnvVar {
  return { name: 'ROUTER_URL', value: `http://${namesOf(name).router}` };
}

/** Where the containers of a service that hands sessions over find its token. */
export const SESSION_TOKEN_FOLDER = '/var/run/holdfast-sessions';
export const SESSION_TOKEN_FILE = `${SESSION_TOKEN_FOLDER}/token`;

/** How an instance takes part in the hand-over. Its users leave before it is told to end, so it has no more time than others. */
function sessionVariables({ stateful, stop }: Service): EnvVar[] {
  if (stateful?.handoff !== true) return [];
  return [
    { name: 'HOLDFAST_SESSION_PORT', value: String(PORTS.sessions) },
    { name: 'HOLDFAST_SESSION_TOKEN_FILE', value: SESSION_TOKEN_FILE },
    { name: 'HOLDFAST_SESSION_KEY', value: keySource(stateful.key) },
    { name: 'HOLDFAST_SESSION_IDLE', value: String(stateful.idle) },
    { name: 'HOLDFAST_SESSION_DRAIN', value: String(stop) },
  ];
}

/** `DATABASE_URL` with the account of a service, or of the migrator. */
export function databaseUrl(app: App, account: string): EnvVar {
  return secretVariable('DATABASE_URL', urlSource(app, account));
}

interface SecretKey {
  readonly secret: string;
  readonly key: string;
}

function urlSource({ name, database }: App, account: string): SecretKey {
  if (database?.topology === 'external' && database.url.kind === 'secret') return database.url;
  return { secret: namesOf(name).urls, key: account };
}

/** All values of an application that are made once. */
export function generatedValues(app: App): GeneratedValue[] {
  return app.services.flatMap((service) =>
    Object.entries(service.env).flatMap(([name, source]) =>
      source.kind === 'generate' ? [{ key: `${service.name}.${name}`, bytes: source.bytes }] : [],
    ),
  );
}

/** The Secrets of the user that a service's environment is taken from. */
export function secretsOf(app: App, service: Service): SecretKey[] {
  const variables = serviceEnvironment(app, service);
  return variables.flatMap((v) =>
    'valueFrom' in v && 'secretKeyRef' in v.valueFrom
      ? [{ secret: v.valueFrom.secretKeyRef.name, key: v.valueFrom.secretKeyRef.key }]
      : [],
  );
}

interface Place {
  readonly app: App;
  readonly service: string;
  /** The variable. */
  readonly name: string;
}

function variable(name: string, source: ValueSource, place: Place): EnvVar {
  const where = `services.${place.service}.env.${place.name}`;
  switch (source.kind) {
    case 'value':
      return { name, value: source.value };
    case 'generate':
      return secretVariable(name, {
        secret: namesOf(place.app.name).generated,
        key: `${place.service}.${place.name}`,
      });
    case 'secret':
      return secretVariable(name, source);
    case 'service': {
      const other = place.app.services.find((s) => s.name === source.service)?.env[source.key];
      if (other === undefined)
        throw new UserError(`${where}: the service "${source.service}" has no ${source.key}`);
      return variable(name, other, { ...place, service: source.service, name: source.key });
    }
    case 'from':
    case 'file':
      throw new UserError(
        `${where}: \`${source.kind}\` is for a machine; on a cluster put the value into a Secret and write ` +
          `{ secret: NAME, key: KEY }`,
      );
  }
}

function secretVariable(name: string, { secret, key }: SecretKey): EnvVar {
  return { name, valueFrom: { secretKeyRef: { name: secret, key } } };
}
