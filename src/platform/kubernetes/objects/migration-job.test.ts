/** What the migrator's pod gives the shadow server that works beside the migrator. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FULL, podTemplates, rendered } from '../../../../test/simulation/rendered.ts';

interface Container {
  readonly name: string;
  readonly resources: Readonly<Record<'requests' | 'limits', { readonly memory: string }>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Pod {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes: readonly { readonly name: string; readonly emptyDir?: object }[];
}

/** Measured: mariadbd with an empty database, and the migrator that waits for it; MiB. */
const SHADOW = 86;
const MIGRATOR = 64;

function podOf(kind: string): Pod {
  const templates = podTemplates(rendered(FULL));
  const [, template] = [...templates].find(([name]) => name.startsWith(kind)) ?? [];
  assert.ok(template);
  return template.spec as unknown as Pod;
}

function mebibytes(text: string): number {
  const [, number = ''] = /^(\d+)Mi$/.exec(text) ?? [];
  return Number(number);
}

test('the migrator may take what it and its shadow need, and the shadow writes to a disk', () => {
  const { containers, volumes } = podOf('Job ');
  const [migrator] = containers;
  assert.ok(migrator?.name === 'migrate');
  assert.ok(mebibytes(migrator.resources.requests.memory) >= SHADOW + MIGRATOR);
  assert.ok(mebibytes(migrator.resources.limits.memory) >= 4 * (SHADOW + MIGRATOR));
  const { name } = migrator.volumeMounts.find(({ mountPath }) => mountPath === '/tmp') ?? {};
  assert.deepEqual(volumes.find((volume) => volume.name === name)?.emptyDir, {});
});

test('a container that only waits for the migrations asks for no shadow', () => {
  const waiting = podOf('Deployment shop-login').initContainers?.find(
    ({ name }) => name === 'wait-for-migrations',
  );
  assert.ok(mebibytes(waiting?.resources.requests.memory ?? '') <= MIGRATOR);
});
