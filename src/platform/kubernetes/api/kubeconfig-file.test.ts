import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../app/failure.ts';
import { mergeKubeconfigs } from './kubeconfig-file.ts';

const work = `
apiVersion: v1
kind: Config
current-context: work
clusters:
- name: work
  cluster: { server: https://work.example:6443, certificate-authority: pki/ca.crt }
contexts:
- name: work
  context: { cluster: work, user: me, namespace: shop }
users:
- name: me
  user: { client-certificate: me.crt, client-key: /keys/me.key }
`;

const home = `
current-context: home
clusters:
- name: home
  cluster: { server: https://home.example, insecure-skip-tls-verify: true }
- name: work
  cluster: { server: https://shadowed.example }
contexts:
- name: home
  context: { cluster: home, user: plugin }
users:
- name: plugin
  user: { exec: { apiVersion: client.authentication.k8s.io/v1, command: ./bin/login, args: [a], env: null } }
`;

test('of several files the first that names something counts', () => {
  const config = mergeKubeconfigs([
    { path: '/a/config', text: work },
    { path: '/b/config', text: home },
  ]);
  assert.equal(config.currentContext, 'work');
  assert.deepEqual([...config.contexts.keys()].toSorted(), ['home', 'work']);
  assert.equal(config.clusters.get('work')?.server, 'https://work.example:6443');
  assert.equal(config.clusters.get('home')?.['insecure-skip-tls-verify'], true);
});

test('paths are relative to the file that has them', () => {
  const config = mergeKubeconfigs([
    { path: '/a/config', text: work },
    { path: '/b/config', text: home },
  ]);
  assert.equal(config.clusters.get('work')?.['certificate-authority'], '/a/pki/ca.crt');
  assert.equal(config.users.get('me')?.['client-certificate'], '/a/me.crt');
  assert.equal(config.users.get('me')?.['client-key'], '/keys/me.key');
  assert.equal(config.users.get('plugin')?.exec?.command, '/b/bin/login');
});

test('a command without a slash is left to PATH', () => {
  const text = 'users: [{name: me, user: {exec: {apiVersion: v1, command: aws}}}]';
  assert.equal(mergeKubeconfigs([{ path: '/a', text }]).users.get('me')?.exec?.command, 'aws');
});

test('an empty file is an empty configuration', () => {
  const config = mergeKubeconfigs([{ path: '/a', text: '' }]);
  assert.deepEqual([config.currentContext, config.contexts.size], [undefined, 0]);
});

test('what is no kubeconfig is refused with the place, and without its content', () => {
  const refused = (text: string): string => {
    try {
      mergeKubeconfigs([{ path: '/a/config', text }]);
    } catch (error) {
      assert.ok(error instanceof UserError);
      return error.message;
    }
    return assert.fail(`accepted: ${text}`);
  };
  assert.equal(refused('{secret-token: ['), '/a/config is not YAML');
  assert.match(
    refused('clusters: [{name: x, cluster: {server: 5}}]'),
    /config is not a kubeconfig: clusters\.0\.cluster\.server/,
  );
  assert.match(
    refused('users: [{name: x, user: {token: [geheim]}}]'),
    /^(?!.*geheim).*users\.0\.user\.token/,
  );
  assert.match(refused('just words'), /is not a kubeconfig/);
});
