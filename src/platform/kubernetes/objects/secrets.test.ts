import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../app/failure.ts';
import { appFromData } from '../../../app/parse.ts';
import {
  FULL,
  podTemplates,
  prepared,
  rendered,
  surroundings,
} from '../../../../test/simulation/rendered.ts';
import type { Secret } from '../observe/kinds.ts';
import { foundation } from './application-objects.ts';
import type { Manifest } from './manifest.ts';
import { wantedObjects } from './prepared.ts';

function secretsIn(objects: readonly Manifest[]): Map<string, Record<string, string>> {
  const secrets = objects.filter(({ kind }) => kind === 'Secret') as (Manifest & Secret)[];
  return new Map(
    secrets.map(({ metadata, data = {} }) => [
      metadata.name,
      Object.fromEntries(
        Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
      ),
    ]),
  );
}

function stored(objects: readonly Manifest[]): (name: string) => Secret | undefined {
  return (name) => objects.find(({ kind, metadata }) => kind === 'Secret' && metadata.name === name);
}

/** What each Secret holds that nobody else may see: passwords, tokens, URLs with passwords. */
function secretValues(objects: readonly Manifest[]): string[] {
  return [...secretsIn(objects).values()].flatMap((data) => Object.values(data));
}

test('no secret is anywhere but in Secrets, neither in the clear nor encoded', () => {
  const mail: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'mail' },
    data: { password: 'aHVudGVyMg==' },
  };
  const objects = rendered(FULL, { secret: (name) => (name === 'mail' ? mail : undefined) });
  const all = wantedObjects(prepared(appFromData(FULL)), prepared(appFromData(FULL))).map(
    ({ manifest }) => manifest,
  );
  for (const rendering of [objects, all]) {
    const values = [...secretValues(rendering), 'hunter2'];
    assert.ok(values.length > 8);
    const secretless = rendering.map((object) =>
      object.kind === 'Secret' ? { ...object, data: {} } : object,
    );
    const text = JSON.stringify(secretless);
    for (const value of values) {
      assert.ok(!text.includes(value), 'in the clear');
      assert.ok(!text.includes(Buffer.from(value).toString('base64')), 'encoded');
    }
  }
});

test('the environment names secrets, and holds none', () => {
  const template = podTemplates(rendered(FULL)).get('Deployment shop-login');
  const containers = template?.spec['containers'] as
    readonly { env: readonly Record<string, unknown>[] }[] | undefined;
  const [container] = containers ?? [];
  const byName = Object.fromEntries((container?.env ?? []).map(({ name, ...source }) => [name, source]));
  const from = (name: string, key: string): object => ({ valueFrom: { secretKeyRef: { name, key } } });
  assert.deepEqual(byName, {
    TOKEN: from('shop-generated', 'login.TOKEN'),
    MODE: { value: '1024' },
    MAIL: from('mail', 'password'),
    PORT: { value: '8080' },
    HOST: { value: '0.0.0.0' },
    ROUTER_URL: { value: 'http://shop-router' },
    INSTANCE: { valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    DATABASE_URL: from('shop-urls', 'login'),
  });
});

test('what is there stays, and what is new is added', () => {
  const first = rendered(FULL);
  const services = { ...FULL.services, chat: { image: 'chat:1', env: { KEY: { generate: 16 } } } };
  const second = rendered(
    { ...FULL, services },
    { secret: stored(first), random: (bytes) => 'n'.repeat(bytes) },
  );
  const [before, after] = [secretsIn(first), secretsIn(second)];
  for (const [name, data] of before) assert.deepEqual({ ...after.get(name), ...data }, after.get(name), name);
  assert.equal(after.get('shop-generated')?.['chat.KEY'], 'n'.repeat(16));
  assert.equal(after.get('shop-database')?.['holdfast-service-chat'], 'n'.repeat(24));
  assert.match(
    after.get('shop-urls')?.['chat'] ?? '',
    /^mysql:\/\/holdfast-service-chat:n{24}@shop-database:3306\/shop$/,
  );
});

test('passwords and data outlive the App unless told otherwise; what follows from them does not', () => {
  const owned = (deleteData: boolean): string[] =>
    rendered(FULL, { deleteData })
      .filter(({ kind, metadata }) => kind === 'Secret' && metadata.ownerReferences !== undefined)
      .map(({ metadata }) => metadata.name)
      .toSorted();
  assert.deepEqual(owned(false), ['shop-internal', 'shop-urls']);
  assert.deepEqual(owned(true), ['shop-database', 'shop-generated', 'shop-internal', 'shop-urls']);
});

test('a Secret of the user that is missing, or lacks a key, is the user’s to mend', () => {
  const app = appFromData({ ...FULL, database: { topology: 'single', existingSecret: 'mine' } });
  assert.throws(
    () => foundation(app, surroundings()),
    /existingSecret: the Secret "mine" does not exist; it needs/,
  );
  const partial: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'mine' },
    data: { holdfast: 'eA==' },
  };
  assert.throws(
    () => foundation(app, surroundings({ secret: () => partial })),
    (error) =>
      error instanceof UserError &&
      /has no key holdfast-migrator, holdfast-service-login/.test(error.message),
  );
});

test('what only a machine has is refused with the way out', () => {
  const services = { pages: { image: 'pages:1', env: { KEY: { from: 'SHELL_KEY' } } } };
  assert.throws(
    () => rendered({ ...FULL, services, routes: { '/': 'pages' } }),
    /services\.pages\.env\.KEY.*\{ secret: NAME, key: KEY \}/,
  );
});

test('until a release is in force, what runs keeps its passwords, its URL and its database', () => {
  const { login } = FULL.services;
  const inForce = prepared(appFromData(FULL));
  const manifests = inForce.objects.map(({ manifest }) => manifest);
  const next = {
    ...FULL,
    services: { pages: { image: 'pages:2' }, chat: { image: 'chat:1', env: { KEY: login.env.TOKEN } } },
    routes: { '/': 'pages' },
    database: { topology: 'external', url: { value: 'mysql://u:secret@elsewhere/db' } },
  };
  const wanted = prepared(appFromData(next), { secret: stored(manifests) });
  const both = wantedObjects(wanted, inForce).map(({ manifest }) => manifest);
  const [before, now] = [secretsIn(manifests), secretsIn(both)];
  assert.ok(both.some(({ kind }) => kind === 'StatefulSet'));
  assert.deepEqual(now.get('shop-database'), before.get('shop-database'));
  const { migrator: _, ...ofServices } = before.get('shop-urls') ?? {};
  assert.deepEqual(now.get('shop-urls'), {
    ...ofServices,
    chat: 'mysql://u:secret@elsewhere/db',
    migrator: 'mysql://u:secret@elsewhere/db',
  });
  assert.deepEqual(Object.keys(now.get('shop-generated') ?? {}).toSorted(), ['chat.KEY', 'login.TOKEN']);
  const after = wantedObjects(wanted, wanted).map(({ manifest }) => manifest);
  assert.ok(!after.some(({ kind }) => kind === 'StatefulSet'));
  assert.deepEqual(Object.keys(secretsIn(after).get('shop-urls') ?? {}).toSorted(), [
    'chat',
    'migrator',
    'pages',
  ]);
});
