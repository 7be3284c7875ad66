/** Wrong values are refused before anything is sent to a cluster, with words that lead to the place. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HELMS, refusal } from './helm.ts';

const WEB = { image: 'web:1' };

/** A small file with these keys beside `name` and `services`. */
function withTop(keys: object): object {
  return { name: 'shop', services: { web: WEB }, ...keys };
}

function withService(keys: object): object {
  return { name: 'shop', services: { web: { ...WEB, ...keys } } };
}

function withVariable(source: object): object {
  return withService({ env: { A: source } });
}

const APP: readonly (readonly [values: object, word: RegExp])[] = [
  [{}, /missing properties 'name', 'services'/],
  [{ name: 'Shop', services: { web: WEB } }, /at '\/name': 'Shop' does not match pattern/],
  [{ name: 'shop', services: {} }, /at '\/services': minProperties/],
  [{ name: 'shop', services: { web: { run: 'node x' } } }, /at '\/services\/web': missing property 'image'/],
  [{ name: 'shop', services: { Web: WEB } }, /'Web' does not match pattern/],
  [withTop({ rotuer: {} }), /additional properties 'rotuer' not allowed/],
  [withService({ instnces: {} }), /at '\/services\/web': additional properties 'instnces' not allowed/],
  [withService({ stop: 10 }), /at '\/services\/web\/stop': got number, want string/],
  [withService({ stop: '10' }), /at '\/services\/web\/stop': '10' does not match pattern/],
  [withService({ image: 'a b' }), /at '\/services\/web\/image': 'a b' does not match pattern/],
  [withService({ resources: { cpu: 1 } }), /at '\/services\/web\/resources\/cpu': got number, want string/],
  [withService({ instances: { min: 0 } }), /at '\/services\/web\/instances\/min': minimum: got 0, want 1/],
  [withService({ instances: { cpu: '70' } }), /at '\/services\/web\/instances\/cpu': '70' does not match/],
  [withService({ stateful: {} }), /at '\/services\/web\/stateful': missing property 'key'/],
  ...[{}, { header: 'a', cookie: 'b' }, { header: 'a', assign: true }, { assign: true }].map(
    (key) =>
      [
        withService({ stateful: { key } }),
        /services\.web\.stateful\.key: expected exactly one of header/,
      ] as const,
  ),
  [withVariable({ generate: 8 }), /at '\/services\/web\/env\/A\/generate': minimum: got 8, want 16/],
  [withVariable({}), /services\.web\.env\.A: expected exactly one of value, generate/],
  [withVariable({ value: 'x', generate: 16 }), /services\.web\.env\.A: expected exactly one of/],
  [withVariable({ from: 'HOME' }), /services\.web\.env\.A: from and file are for a machine/],
  [withVariable({ secret: 'mail' }), /services\.web\.env\.A: key: missing/],
  [withVariable({ value: 'x', key: 'y' }), /services\.web\.env\.A: key: remove it/],
  [withTop({ routes: { '/': 'wbe' } }), /routes\.\/: there is no service "wbe"/],
  [withTop({ routes: { login: 'web' } }), /'login' does not match pattern/],
  [{ name: 'shop', services: { a: WEB, b: WEB } }, /routes: missing; with several services/],
  [withTop({ router: { service: 'Nodeport' } }), /at '\/router\/service': value must be one of 'ClusterIP'/],
  [withTop({ router: { ingress: {} } }), /at '\/router\/ingress': missing property 'host'/],
  [withTop({ database: { topology: 'galera' } }), /at '\/database\/topology': value must be one of 'single'/],
  [withTop({ database: { topology: 'external' } }), /database\.url: missing/],
  [
    withTop({ database: { topology: 'external', url: { file: 'url' } } }),
    /database\.url: from and file are for a machine/,
  ],
  [withTop({ migrations: {} }), /migrations: there is no database/],
  [
    withTop({ database: { topology: 'single' }, migrations: { image: 'a', configMap: 'b' } }),
    /migrations: expected image or configMap, not both/,
  ],
  [withTop({ paused: 'yes' }), /at '\/paused': got string, want boolean/],
  [withTop({ smoke: [{ path: 'x' }] }), /at '\/smoke\/0\/path': 'x' does not match pattern/],
  [withTop({ smoke: {} }), /at '\/smoke': got object, want array/],
  [withTop({ global: { holdfast: { waitSecond: 1 } } }), /at '\/global\/holdfast': additional properties/],
  [withTop({ global: { holdfast: { waitSeconds: '5m' } } }), /waitSeconds': got string, want integer/],
];

const HOLDFAST: readonly (readonly [values: object, word: RegExp])[] = [
  [{ replicas: 0 }, /at '\/replicas': minimum: got 0, want 1/],
  [{ replcas: 2 }, /additional properties 'replcas' not allowed/],
  [{ image: { pullPolicy: 'always' } }, /at '\/image\/pullPolicy': value must be one of 'Always'/],
  [{ image: { repository: '' } }, /at '\/image\/repository': minLength/],
  [{ databaseImage: { digest: 'latest' } }, /at '\/databaseImage\/digest': 'latest' does not match pattern/],
  [{ namespace: 'Shop' }, /at '\/namespace': 'Shop' does not match pattern/],
  [{ imagePullSecrets: ['registry'] }, /at '\/imagePullSecrets\/0': got string, want object/],
];

for (const version of HELMS) {
  test(`${version}: values that are no usable holdfast.yaml are refused, with the place`, () => {
    for (const [values, word] of APP) assert.match(refusal(version, 'app', values), word);
  });

  test(`${version}: wrong values of the controller are refused, with the place`, () => {
    for (const [values, word] of HOLDFAST) assert.match(refusal(version, 'holdfast', values), word);
  });

  test(`${version}: all problems of the values come at once`, () => {
    const values = withTop({ migrations: {}, routes: { '/': 'wbe' } });
    assert.match(refusal(version, 'app', values), /routes\.\/: .*\nmigrations: /);
  });
}
