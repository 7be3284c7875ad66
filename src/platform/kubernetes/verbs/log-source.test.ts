import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerStatus, Pod } from '../observe/kinds.ts';
import { isAbout, logPath, logSources, stampedLine } from './log-source.ts';

function container(name: string, state: ContainerStatus['state'] = { running: {} }): ContainerStatus {
  return { name, ready: true, restartCount: 0, ...(state === undefined ? {} : { state }) };
}

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'shop-web-1', namespace: 'shop', labels: { 'app.kubernetes.io/name': 'web' } },
  spec: {},
  status: {
    initContainerStatuses: [
      container('migration-files', { terminated: { exitCode: 0 } }),
      container('wait-for-migrations', { terminated: { exitCode: 0 } }),
      container('drain'),
    ],
    containerStatuses: [container('web', { waiting: { reason: 'PodInitializing' } })],
  },
};

test('the main container has the name of its pod, others their own too', () => {
  assert.deepEqual(
    logSources(pod).map(({ id, started, running }) => [id, started, running]),
    [
      ['shop-web-1/wait-for-migrations', true, false],
      ['shop-web-1/drain', true, true],
      ['shop-web-1', false, false],
    ],
  );
});

test('a service, a pod or a container can be asked for', () => {
  const ids = (about?: string): string[] =>
    logSources(pod)
      .filter((source) => isAbout(source, about))
      .map(({ container }) => container);
  assert.deepEqual(ids('web'), ['wait-for-migrations', 'drain', 'web']);
  assert.deepEqual(ids('shop-web-1'), ids());
  assert.deepEqual(ids('shop-web-1/drain'), ['drain']);
  assert.deepEqual(ids('we'), []);
});

test('the path names the container', () => {
  const [first] = logSources(pod);
  assert.equal(
    first && logPath(first, { tailLines: '5' }),
    '/api/v1/namespaces/shop/pods/shop-web-1/log?container=wait-for-migrations&tailLines=5',
  );
});

test('times of lines can be compared as texts', () => {
  const line = stampedLine('2026-01-02T03:04:05.1Z hello, Z world');
  assert.deepEqual(line, { at: '2026-01-02T03:04:05.100000000Z', text: 'hello, Z world' });
  assert.ok(line.at < stampedLine('2026-01-02T03:04:05.123456Z x').at);
  assert.ok(stampedLine('2026-01-02T03:04:05Z ').at < line.at);
  assert.equal(stampedLine('2026-01-02T03:04:05Z ').text, '');
});

test('a line without a time is kept as it is', () => {
  assert.deepEqual(stampedLine('no time'), { at: '', text: 'no time' });
});
