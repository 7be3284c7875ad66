import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appFromData } from '../../../app/parse.ts';
import { APP_UID, FULL, NAMESPACE, prepared } from '../../../../test/simulation/rendered.ts';
import type { ObjectObservation } from '../../observation.ts';
import { ClusterView, OWNED_KINDS, type Kind } from '../cluster-view.ts';
import { manifest, type Manifest } from '../objects/manifest.ts';
import { labelsOf } from '../objects/names.ts';
import { wantedObjects } from '../objects/prepared.ts';
import { observeObjects } from './observe-objects.ts';

const WANTED = prepared(appFromData(FULL));
const THERE = wantedObjects(WANTED, WANTED).map(({ manifest: object }) => object);

function view(objects: readonly Manifest[]): ClusterView {
  const kinds: readonly Kind[] = [...OWNED_KINDS, 'Pod'];
  return new ClusterView(
    new Map(kinds.map((kind) => [kind, objects.filter((object) => object.kind === kind)])),
  );
}

function seen(objects: readonly Manifest[], inForce = WANTED): ObjectObservation[] {
  const about = { view: view(objects), namespace: NAMESPACE, name: 'shop', uid: APP_UID };
  return observeObjects({ ...about, wanted: WANTED, inForce }).filter(({ state }) => state !== 'as-wanted');
}

const OWNER = {
  apiVersion: 'holdfast.dev/v1alpha1',
  kind: 'App',
  name: 'shop',
  uid: APP_UID,
  controller: true,
};

function owned(kind: string, name: string, over: object = {}): Manifest {
  const made = manifest(
    kind,
    name,
    { namespace: NAMESPACE, owner: OWNER, labels: labelsOf('shop', 'old') },
    {},
  );
  return { ...made, ...over };
}

test('an application that is there as it should be has nothing to do', () => {
  assert.deepEqual(seen(THERE), []);
});

test('each object that is missing is found', () => {
  for (const object of THERE) {
    const found = seen(THERE.filter((other) => other !== object));
    assert.deepEqual(
      found.map(({ kind, name, state }) => [kind, name, state]),
      [[object.kind, object.metadata.name, 'missing']],
    );
  }
});

test('each kind of drift is found, with its place', () => {
  const drifts: [string, string, (object: Manifest) => object, string][] = [
    [
      'Deployment',
      'shop-login',
      ({ spec }) => ({ spec: { ...(spec as object), replicas: 7 } }),
      'spec.replicas',
    ],
    [
      'Service',
      'shop-router',
      ({ spec }) => ({ spec: { ...(spec as object), selector: {} } }),
      'spec.selector.app.kubernetes.io/name',
    ],
    ['ConfigMap', 'shop-routing', () => ({ data: { structure: '{}' } }), 'data.structure'],
    ['Secret', 'shop-internal', () => ({ data: { token: 'b3RoZXI=' } }), 'data.token'],
    ['Role', 'shop-router', () => ({ rules: [] }), 'rules'],
    [
      'PodDisruptionBudget',
      'shop-login',
      ({ spec }) => ({ spec: { ...(spec as object), maxUnavailable: 2 } }),
      'spec.maxUnavailable',
    ],
    [
      'HorizontalPodAutoscaler',
      'shop-pages',
      ({ spec }) => ({ spec: { ...(spec as object), maxReplicas: 50 } }),
      'spec.maxReplicas',
    ],
    [
      'Ingress',
      'shop-router',
      ({ spec }) => ({ spec: { ...(spec as object), ingressClassName: 'other' } }),
      'spec.ingressClassName',
    ],
    [
      'ServiceAccount',
      'shop-router',
      () => ({ automountServiceAccountToken: true }),
      'automountServiceAccountToken',
    ],
    [
      'StatefulSet',
      'shop-database',
      ({ spec }) => ({ spec: { ...(spec as object), replicas: 2 } }),
      'spec.replicas',
    ],
    [
      'Service',
      'shop-login',
      ({ metadata }) => ({ metadata: { ...metadata, labels: {} } }),
      'metadata.labels.app.kubernetes.io/managed-by',
    ],
    [
      'Deployment',
      'shop-pages',
      ({ metadata }) => ({ metadata: { ...metadata, annotations: {} } }),
      'metadata.annotations.holdfast.dev/template',
    ],
  ];
  for (const [kind, name, drift, difference] of drifts) {
    const live = THERE.map((object) =>
      object.kind === kind && object.metadata.name === name ? { ...object, ...drift(object) } : object,
    );
    const found = seen(live);
    assert.deepEqual(
      found.map((object) => [object.kind, object.name, object.state, object.difference]),
      [[kind, name, 'different', difference]],
    );
    assert.ok(!JSON.stringify(found).includes('b3RoZXI='), 'a secret is not repeated');
  }
});

test('a key that is dropped from the file is noticed, although what is there has all that is wanted', () => {
  const { MODE: _, ...env } = FULL.services.login.env;
  const services = { ...FULL.services, login: { ...FULL.services.login, env } };
  const next = prepared(appFromData({ ...FULL, services }));
  const found = seen(THERE, next);
  assert.deepEqual(
    found.map(({ kind, name, state }) => [kind, name, state]),
    [['Deployment', 'shop-login', 'different']],
  );
});

test('what is owned and not wanted any more goes, of every kind', () => {
  const old = [
    owned('apps/v1 Deployment', 'shop-old'),
    owned('v1 Service', 'shop-old'),
    owned('policy/v1 PodDisruptionBudget', 'shop-old'),
    owned('v1 ConfigMap', 'shop-old-owners'),
    owned('v1 Secret', 'shop-old'),
    // A name that is kept for another kind of object.
    owned('apps/v1 Deployment', 'shop-holdfast'),
  ];
  const found = seen([...THERE, ...old]);
  assert.deepEqual(
    new Set(found.map(({ kind, name, state }) => `${kind} ${name} ${state}`)),
    new Set(old.map(({ kind, metadata }) => `${kind} ${metadata.name} orphaned`)),
  );
});

test('what others made, what remembers, and what is going already is left alone', () => {
  const files = owned('v1 ConfigMap', 'shop-migrations-abc');
  const kept = [
    owned('v1 ConfigMap', 'shop-holdfast'),
    owned('v1 ConfigMap', 'shop-login-owners'),
    { ...files, metadata: { ...files.metadata, ownerReferences: [{ ...OWNER, controller: false }] } },
    owned('v1 ConfigMap', 'by-hand', {
      metadata: { ...files.metadata, name: 'by-hand', ownerReferences: [] },
    }),
    owned('v1 ConfigMap', 'of-another', {
      metadata: {
        ...files.metadata,
        name: 'of-another',
        ownerReferences: [{ ...OWNER, uid: 'another App' }],
      },
    }),
    owned('v1 Service', 'going', {
      metadata: { ...files.metadata, name: 'going', deletionTimestamp: '2026-01-01T00:00:00Z' },
    }),
  ];
  assert.deepEqual(seen([...THERE, ...kept]), []);
});

test('a Job that still runs is left to end; of those that have ended, the ones in use stay', () => {
  const ended = { status: { conditions: [{ type: 'Complete', status: 'True' }] } };
  const failed = { status: { conditions: [{ type: 'Failed', status: 'True' }] } };
  const { migrationSet = '' } = WANTED;
  const jobs = [
    owned('batch/v1 Job', 'shop-migrate-runs'),
    owned('batch/v1 Job', `shop-migrate-${migrationSet.slice(0, 12)}`, ended),
    owned('batch/v1 Job', 'shop-migrate-old', ended),
    owned('batch/v1 Job', 'shop-migrate-failed', failed),
  ];
  const found = seen([...THERE, ...jobs]).map(({ name, state }) => `${name} ${state}`);
  assert.deepEqual(found, ['shop-migrate-old orphaned', 'shop-migrate-failed orphaned']);
});

test('the database’s pod is told of accounts that are newer than its mark', () => {
  const pod = (mark: string): Manifest => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'shop-database-0',
      namespace: NAMESPACE,
      annotations: { 'holdfast.dev/accounts': mark },
    },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });
  const live = THERE.map((object) =>
    object.metadata.name === 'shop-database' && object.kind === 'Secret'
      ? { ...object, metadata: { ...object.metadata, resourceVersion: '8' } }
      : object,
  );
  assert.deepEqual(seen([...live, pod('8')]), []);
  assert.deepEqual(
    seen([...live, pod('7')]).map(({ kind, state }) => [kind, state]),
    [['Pod', 'different']],
  );
});
