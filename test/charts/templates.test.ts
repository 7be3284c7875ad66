/** What the charts become, by both versions of Helm, without a cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appFromData } from '../../src/app/parse.ts';
import { valueAt } from '../../src/app/raw-value.ts';
import { ciValues } from './ci-values.ts';
import { helm, HELMS, podIn, template, type KubernetesObject } from './helm.ts';

const SMALL = { name: 'shop', services: { web: { image: 'web:1' } } };

function ofKind(objects: readonly KubernetesObject[], kind: string): KubernetesObject[] {
  return objects.filter((object) => object.kind === kind);
}

function only(objects: readonly KubernetesObject[], kind: string): KubernetesObject {
  const [object, ...others] = ofKind(objects, kind);
  assert.ok(object !== undefined && others.length === 0, `${kind}: ${others.length + 1}`);
  return object;
}

/** Resources that a role allows something with, by verb. */
function allowed(role: KubernetesObject, verb: string): string[] {
  const rules = role['rules'] as { resources: string[]; verbs: string[] }[];
  return rules.filter(({ verbs }) => verbs.includes(verb)).flatMap(({ resources }) => resources);
}

for (const version of HELMS) {
  test(`${version} finds nothing to complain about in the charts`, () => {
    for (const { chart, file } of ciValues()) {
      const { code, stdout, stderr } = helm(version, ['lint', '--strict', `charts/${chart}`, '-f', file]);
      assert.equal(code, 0, `${file}: ${stdout}${stderr}`);
    }
  });

  test(`${version}: an App is the values without the chart's own`, () => {
    for (const { file, values } of ciValues().filter(({ chart }) => chart === 'app')) {
      const app = only(template(version, 'app', values), 'App');
      const { global: _, ...spec } = values;
      assert.deepEqual(app['spec'], spec, file);
      assert.equal(app.metadata.name, spec['name']);
      assert.equal(appFromData(app['spec']).name, spec['name']);
    }
  });

  test(`${version}: every object has one name, a namespace and the usual labels`, () => {
    for (const { chart, file, values } of ciValues()) {
      const objects = template(version, chart, values);
      const names = objects.map(
        ({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''} ${metadata.name}`,
      );
      assert.deepEqual(names, [...new Set(names)], file);
      for (const { kind, metadata } of objects) {
        const isGlobal = kind.startsWith('Cluster') || kind === 'CustomResourceDefinition';
        assert.equal(metadata.namespace === undefined, isGlobal, `${file}: ${kind}`);
        assert.equal(metadata.labels?.['app.kubernetes.io/instance'], 'release', `${file}: ${kind}`);
        assert.equal(metadata.labels?.['app.kubernetes.io/managed-by'], 'Helm', `${file}: ${kind}`);
      }
    }
  });

  test(`${version}: every pod is as restricted as it can be`, () => {
    const pods = ciValues().flatMap(({ chart, values }) => template(version, chart, values).map(podIn));
    const found = pods.filter((pod) => pod !== undefined);
    assert.ok(found.length >= 6);
    for (const pod of found) {
      assert.equal(valueAt(pod, 'securityContext', 'runAsNonRoot'), true);
      assert.equal(valueAt(pod, 'securityContext', 'seccompProfile', 'type'), 'RuntimeDefault');
      for (const container of valueAt(pod, 'containers') as unknown[]) {
        assert.deepEqual(valueAt(container, 'securityContext'), {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        assert.ok(valueAt(container, 'resources', 'limits', 'memory') !== undefined);
      }
    }
  });

  test(`${version}: the controller is told its images, and which namespace is its own`, () => {
    const values = {
      image: { repository: 'registry/holdfast', tag: '9', pullPolicy: 'Never' },
      databaseImage: { digest: `sha256:${'0'.repeat(64)}` },
      namespace: 'a',
    };
    const pod = podIn(only(template(version, 'holdfast', values), 'Deployment'));
    const container = valueAt(pod, 'containers', '0');
    const env = valueAt(container, 'env') as { name: string; value?: string }[];
    const given = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    assert.equal(valueAt(container, 'image'), 'registry/holdfast:9');
    assert.equal(given['HOLDFAST_IMAGE'], 'registry/holdfast:9');
    assert.equal(given['HOLDFAST_DATABASE_IMAGE'], `localhost/holdfast-database@sha256:${'0'.repeat(64)}`);
    assert.equal(given['HOLDFAST_IMAGE_PULL_POLICY'], 'Never');
    assert.equal(given['HOLDFAST_NAMESPACE'], 'a');
    assert.ok('POD_NAME' in given && 'POD_NAMESPACE' in given);
  });

  test(`${version}: with a namespace named, rights are given in it alone`, () => {
    const everywhere = template(version, 'holdfast', {});
    const roles = (objects: readonly KubernetesObject[]): KubernetesObject =>
      ofKind(objects, 'ClusterRole').filter(({ metadata }) => !metadata.name.endsWith('-apps'))[0] ??
      assert.fail('no ClusterRole');
    assert.ok(allowed(roles(everywhere), 'create').includes('secrets'));
    assert.deepEqual(
      ofKind(everywhere, 'Role').map(({ metadata }) => metadata.namespace),
      ['space'],
    );
    const named = template(version, 'holdfast', { namespace: 'a' });
    assert.deepEqual(allowed(roles(named), 'create'), []);
    assert.deepEqual(allowed(roles(named), 'list'), ['nodes', 'storageclasses']);
    const working = ofKind(named, 'Role').filter((role) => allowed(role, 'create').includes('secrets'));
    assert.deepEqual(
      working.map(({ metadata }) => metadata.namespace),
      ['a'],
    );
  });

  test(`${version}: no right is given by a star`, () => {
    for (const values of [{}, { namespace: 'a' }]) {
      const objects = template(version, 'holdfast', values);
      const roles = [...ofKind(objects, 'ClusterRole'), ...ofKind(objects, 'Role')];
      assert.ok(!JSON.stringify(roles.map((role) => role['rules'])).includes('*'));
    }
  });

  test(`${version}: the definition of App is kept when the chart goes, and can be left out`, () => {
    const definition = only(template(version, 'holdfast', {}), 'CustomResourceDefinition');
    assert.equal(definition.metadata.annotations?.['helm.sh/resource-policy'], 'keep');
    const without = template(version, 'holdfast', { crd: { install: false } });
    assert.deepEqual(ofKind(without, 'CustomResourceDefinition'), []);
  });

  test(`${version}: a Job says when the App is ready, with no more than the right to look at it`, () => {
    const objects = template(version, 'app', SMALL);
    const job = only(objects, 'Job');
    assert.match(job.metadata.annotations?.['helm.sh/hook'] ?? '', /post-install,post-upgrade/);
    const args = valueAt(podIn(job), 'containers', '0', 'args');
    assert.deepEqual(args, ['wait', '--app-resource=shop', '--namespace=space', '--timeout=270s']);
    assert.deepEqual(only(objects, 'Role')['rules'], [
      { apiGroups: ['holdfast.dev'], resources: ['apps'], resourceNames: ['shop'], verbs: ['get'] },
    ]);
    const unwaited = template(version, 'app', { ...SMALL, global: { holdfast: { waitSeconds: 0 } } });
    assert.deepEqual(
      unwaited.map(({ kind }) => kind),
      ['App'],
    );
  });

  test(`${version}: only with requests there is a test, and it has the file`, () => {
    assert.deepEqual(ofKind(template(version, 'app', SMALL), 'Pod'), []);
    const values = { ...SMALL, smoke: [{ path: '/', headers: { a: '{{ b }}' } }] };
    const objects = template(version, 'app', values);
    const file = valueAt(only(objects, 'ConfigMap'), 'data', 'holdfast.yaml');
    assert.match(String(file), /a: '\{\{ b \}\}'/);
    assert.ok(
      (valueAt(podIn(only(objects, 'Pod')), 'containers', '0', 'args') as string[]).includes(
        '--url=http://shop-router.space.svc',
      ),
    );
  });

  test(`${version}: data goes with an App only when it is said so`, () => {
    const annotation = (global: object): unknown =>
      only(template(version, 'app', { ...SMALL, global }), 'App').metadata.annotations;
    assert.equal(annotation({}), undefined);
    assert.deepEqual(annotation({ holdfast: { deleteData: true } }), { 'holdfast.dev/delete-data': 'true' });
  });
}
