import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LONGEST_NAMES } from '../../../app/agreement.ts';
import { FULL, podTemplates, rendered } from '../../../../test/simulation/rendered.ts';
import type { Manifest } from './manifest.ts';

/** The longest name that the file takes. */
const LONGEST_NAME = 40;
/** What Kubernetes adds to a StatefulSet's name in a label; it shortens those of a Deployment's pods by itself. */
const REVISION = '-0123456789';

function named(app: string, service: string): Manifest[] {
  const { login, pages } = FULL.services;
  const own = { [service]: login, p: { ...pages, env: {} } };
  return rendered({ ...FULL, name: app, services: own, routes: { '/': service } });
}

test('every name is a DNS label of at most 63 characters, however long those in the file are', () => {
  const lengths = [LONGEST_NAME, LONGEST_NAMES - 20, LONGEST_NAMES - LONGEST_NAME];
  const objects = lengths.flatMap((app) => named('a'.repeat(app), 's'.repeat(LONGEST_NAMES - app)));
  for (const { kind, metadata } of objects) {
    const name = kind === 'StatefulSet' ? `${metadata.name}${REVISION}` : metadata.name;
    assert.match(name, /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, `${kind} ${name}`);
  }
});

test('every label’s value is one that the API server takes', () => {
  const objects = named('a'.repeat(LONGEST_NAMES - LONGEST_NAME), 's'.repeat(LONGEST_NAME));
  const maps = [
    ...objects.map(({ metadata }) => metadata.labels ?? {}),
    ...[...podTemplates(objects).values()].map((t) => t.metadata.labels),
  ];
  for (const value of maps.flatMap((labels) => Object.values(labels)))
    assert.match(value, /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/);
});

test('all objects are found by the label of their application, and are in its namespace', () => {
  for (const { kind, metadata } of rendered(FULL)) {
    assert.equal(metadata.labels?.['holdfast.dev/app'], 'shop', `${kind} ${metadata.name}`);
    assert.equal(metadata.labels['app.kubernetes.io/managed-by'], 'holdfast');
    assert.equal(metadata.namespace, 'team');
  }
});

interface Selecting {
  readonly spec?: {
    readonly selector?: Readonly<Record<string, unknown>> & { readonly matchLabels?: Record<string, string> };
  };
}

test('selectors never change, whatever changes in the file, and select the pods of one part only', () => {
  const next = {
    ...FULL,
    services: { login: { ...FULL.services.login, image: 'login:2' }, pages: { image: 'pages:2' } },
    routes: { '/': 'login' },
    router: { instances: 2 },
    migrations: { configMap: 'files' },
  };
  const selectors = (spec: object, restarts = {}): Map<string, unknown> =>
    new Map(
      rendered(spec, { restarts }).flatMap((object) => {
        const { selector } = (object as Selecting).spec ?? {};
        return selector === undefined
          ? []
          : [[`${object.kind} ${object.metadata.name}`, selector.matchLabels ?? selector]];
      }),
    );
  const before = selectors(FULL);
  assert.deepEqual(selectors(next, { login: 3 }), before);
  const templates = [...podTemplates(rendered(FULL))].filter(([name]) => !name.startsWith('Job'));
  for (const [name, selector] of before) {
    const wanted = Object.entries(selector as Record<string, string>);
    const found = templates.filter(([, { metadata }]) =>
      wanted.every(([key, value]) => metadata.labels[key] === value),
    );
    assert.equal(found.length, 1, `${name} selects ${found.map(([pod]) => pod).join(', ')}`);
  }
});

test('no two objects of an application have one name', () => {
  const names = rendered(FULL).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  assert.equal(new Set(names).size, names.length);
});
