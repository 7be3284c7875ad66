/**
 * The Secrets of an application. What is there already stays; what is missing is made anew with the
 * randomness that is given. Nothing is written here. Pure.
 */
import { UserError } from '../../../app/failure.ts';
import { SecretIsMissing } from '../../platform.ts';
import type { App } from '../../../app/model.ts';
import { adminUser, migratorUser, serviceUser } from '../../../database/accounts.ts';
import { connectionUrl } from '../../../database/connection-url.ts';
import type { OwnerReference } from '../api/kube-object.ts';
import type { Secret } from '../observe/kinds.ts';
import { accountsSecret } from './database-objects.ts';
import { manifest, type WantedObject } from './manifest.ts';
import { labelsOf, namesOf, PORTS } from './names.ts';
import { generatedValues } from './service-environment.ts';

export interface SecretsInput {
  readonly app: App;
  readonly namespace: string;
  readonly owner: OwnerReference;
  /** Passwords and generated values go when the App goes; otherwise they are kept like the data. */
  readonly deleteData: boolean;
  /** The Secret of a name in the application's namespace. */
  readonly secret: (name: string) => Secret | undefined;
  /** So many random bytes, as text that needs no quoting anywhere. */
  readonly random: (bytes: number) => string;
}

/** Values by key, in the clear. */
type Values = Readonly<Record<string, string>>;

/** Key of the migrator's URL, beside those of the services. */
export const MIGRATOR = 'migrator';
const PASSWORD_BYTES = 24;
const TOKEN_BYTES = 32;

/** @throws UserError when a Secret of the user's is missing or lacks a key */
export function secretObjects(input: SecretsInput): WantedObject[] {
  const { app } = input;
  const names = namesOf(app.name);
  const passwords = databasePasswords(input);
  const own = app.database?.topology === 'single' && accountsSecret(app) === names.database;
  const generated = Object.fromEntries(
    generatedValues(app).map(({ key, bytes }) => [key, kept(input, names.generated, key, bytes)]),
  );
  return [
    ...(own ? [secretOf(input, names.database, passwords, input.deleteData)] : []),
    ...(app.database === undefined ? [] : [secretOf(input, names.urls, databaseUrls(app, passwords), true)]),
    ...(Object.keys(generated).length === 0
      ? []
      : [secretOf(input, names.generated, generated, input.deleteData)]),
    secretOf(input, names.internal, { token: kept(input, names.internal, 'token', TOKEN_BYTES) }, true),
    ...sessionTokens(input),
  ];
}

/** Each service knows its own token only. */
function sessionTokens(input: SecretsInput): WantedObject[] {
  const { sessions } = namesOf(input.app.name);
  const services = input.app.services.filter(({ stateful }) => stateful?.handoff === true);
  const tokens = services.map(({ name }) => [name, kept(input, sessions, name, TOKEN_BYTES)] as const);
  return tokens.length === 0 ? [] : [secretOf(input, sessions, Object.fromEntries(tokens), true)];
}

/** The passwords of the accounts that the application needs, by account. */
function databasePasswords(input: SecretsInput): Values {
  const { app, secret } = input;
  if (app.database?.topology !== 'single') return {};
  const accounts = [adminUser, migratorUser, ...app.services.map(({ name }) => serviceUser(name))];
  const { existingSecret } = app.database;
  if (existingSecret === undefined) {
    const { database } = namesOf(app.name);
    return Object.fromEntries(accounts.map((key) => [key, kept(input, database, key, PASSWORD_BYTES)]));
  }
  const found = secret(existingSecret);
  const missing = accounts.filter((account) => found?.data?.[account] === undefined);
  if (missing.length > 0)
    throw new SecretIsMissing(
      `database.existingSecret: the Secret "${existingSecret}" ${found === undefined ? 'does not exist' : `has no key ${missing.join(', ')}`}; ` +
        `it needs a password for each of ${accounts.join(', ')}`,
    );
  return Object.fromEntries(accounts.map((account) => [account, decode(found?.data?.[account] ?? '')]));
}

/** DATABASE_URL of every service and of the migrator. */
function databaseUrls(app: App, passwords: Values): Values {
  const { database } = app;
  if (database === undefined) return {};
  const users = [[MIGRATOR, migratorUser], ...app.services.map(({ name }) => [name, serviceUser(name)])];
  if (database.topology === 'external') {
    const { url } = database;
    if (url.kind === 'secret') return {};
    if (url.kind !== 'value')
      throw new UserError(
        `database.url: \`${url.kind}\` is for a machine; on a cluster put the URL into a Secret and write { secret: NAME, key: KEY }`,
      );
    return Object.fromEntries(users.map(([key = '']) => [key, url.value]));
  }
  const host = namesOf(app.name).database;
  return Object.fromEntries(
    users.map(([key = '', user = '']) => [
      key,
      connectionUrl({
        user,
        password: passwords[user] ?? '',
        host,
        port: PORTS.database,
        database: database.name,
      }),
    ]),
  );
}

function kept({ secret, random }: SecretsInput, name: string, key: string, bytes: number): string {
  const present = secret(name)?.data?.[key];
  return present === undefined ? random(bytes) : decode(present);
}

function secretOf(input: SecretsInput, name: string, values: Values, isOwned: boolean): WantedObject {
  const { app, namespace, owner } = input;
  const about = { namespace, labels: labelsOf(app.name, 'secrets'), ...(isOwned ? { owner } : {}) };
  const data = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
  return {
    phase: 'database',
    part: 'secrets',
    manifest: manifest('v1 Secret', name, about, { type: 'Opaque', data }),
  };
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
