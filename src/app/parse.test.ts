import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { UserError } from './failure.ts';
import { FileError } from './file-error.ts';
import { appFromData, parseApp } from './parse.ts';

/** The problems of a text as they are printed, without the file's name. */
function problemsOf(text: string): string[] {
  try {
    parseApp(text, 'holdfast.yaml');
    return [];
  } catch (error) {
    assert.ok(error instanceof FileError, String(error));
    return error.message.split('\n').map((line) => line.replace(/^holdfast\.yaml:/, ''));
  }
}

/** A valid file with these lines inside its only service. */
function withService(...lines: string[]): string {
  return [
    'name: shop',
    'services:',
    '  web:',
    '    run: node web.js',
    ...lines.map((line) => `    ${line}`),
  ].join('\n');
}

/** A valid file with these lines at its end. */
function withTop(...lines: string[]): string {
  return [withService(), ...lines].join('\n');
}

function assertProblem(text: string, start: string): void {
  const problems = problemsOf(text);
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.equal(problems[0]?.slice(0, start.length), start);
}

test('the smallest file has every default', () => {
  assert.deepEqual(parseApp('name: shop\nservices: { web: { run: node web.js } }', 'holdfast.yaml'), {
    name: 'shop',
    services: [
      {
        name: 'web',
        run: 'node web.js',
        env: {},
        health: { ready: '/ready', start: 30_000 },
        instances: { min: 2, max: 10 },
        stop: 10_000,
      },
    ],
    routes: [{ path: '/', service: 'web' }],
    router: { host: '127.0.0.1', port: 8080, instances: 2, service: 'ClusterIP' },
    logs: { size: 10 * 2 ** 20 },
    smoke: [],
    paused: false,
  });
});

test('a full file is understood', () => {
  const text = `
name: my-shop
services:
  login:
    run: node login/main.ts
    env:
      A: { value: "1" }
      B: { generate: 32 }
      C: { from: SHELL_C }
      D: { file: ./d.txt }
      E: { secret: mail, key: password }
      F: { service: web, key: G }
      G: { service: web }
    health: { ready: /login/ready, live: /live, start: 1m }
    stateful: { key: { header: X-User }, table: steady, idle: 1h, drain: 500ms }
    instances: { min: 20 }
    stop: 5s
  web: { run: node web.js, env: { G: { value: g } }, stateful: { key: { header: x-user } } }
routes: { /: web, /login: login, /log: login }
router: { host: 0.0.0.0, port: 0 }
database: { topology: single, memory: 1Gi }
migrations: {}
logs: { size: 1M }
`;
  const app = parseApp(text, 'holdfast.yaml');
  assert.deepEqual(app.services[0], {
    name: 'login',
    run: 'node login/main.ts',
    env: {
      A: { kind: 'value', value: '1' },
      B: { kind: 'generate', bytes: 32 },
      C: { kind: 'from', variable: 'SHELL_C' },
      D: { kind: 'file', path: './d.txt' },
      E: { kind: 'secret', secret: 'mail', key: 'password' },
      F: { kind: 'service', service: 'web', key: 'G' },
      G: { kind: 'service', service: 'web', key: 'G' },
    },
    health: { ready: '/login/ready', live: '/live', start: 60_000 },
    stateful: {
      key: { kind: 'header', name: 'x-user' },
      table: 'steady',
      idle: 3_600_000,
      drain: 500,
      warmup: 0,
      handoff: false,
    },
    instances: { min: 20, max: 20 },
    stop: 5_000,
  });
  assert.deepEqual(app.services[1]?.stateful, {
    key: { kind: 'header', name: 'x-user' },
    table: 'steady',
    idle: 900_000,
    drain: 600_000,
    warmup: 0,
    handoff: false,
  });
  assert.deepEqual(
    app.routes.map(({ path }) => path),
    ['/login', '/log', '/'],
  );
  assert.deepEqual(app.database, {
    topology: 'single',
    name: 'my_shop',
    memory: 2 ** 30,
    storage: 10 * 2 ** 30,
  });
  assert.deepEqual([app.migrations, app.logs], [{ path: './migrations' }, { size: 1_000_000 }]);
  assert.deepEqual(app.router, { host: '0.0.0.0', port: 0, instances: 2, service: 'ClusterIP' });
});

test('the keys of a cluster are understood beside those of a machine', () => {
  const text = `
name: shop
services:
  web:
    image: registry.example:5000/shop/web:1.4.0@sha256:0123456789abcdef
    resources: { cpu: 250m, memory: 256Mi }
    instances: { min: 2, max: 10, cpu: 70%, memory: 100% }
  quick: { image: quick, run: node quick.js, instances: { cpu: 5%, memory: 80% }, resources: { cpu: "1.5" } }
routes: { /: web, /quick: quick }
router:
  instances: 3
  service: NodePort
  nodePort: 30080
  ingress: { host: shop.example, class: nginx, tls: shop-tls }
  resources: { memory: 64Mi }
database: { topology: single, storage: 1Gi, storageClass: fast, existingSecret: own, resources: { cpu: "2" } }
migrations: { image: registry.example/shop/migrations }
paused: true
smoke:
  - path: /
  - { method: POST, path: /quick?a=b, headers: { x-user: ann }, body: '{}', status: 201 }
`;
  const app = parseApp(text, 'holdfast.yaml');
  const [web, quick] = app.services;
  assert.equal(web?.run, undefined);
  assert.equal(web?.image, 'registry.example:5000/shop/web:1.4.0@sha256:0123456789abcdef');
  assert.deepEqual(web.resources, { cpu: 250, memory: 2 ** 28 });
  assert.deepEqual(web.instances, { min: 2, max: 10, cpu: 70, memory: 100 });
  assert.deepEqual([quick?.run, quick?.image], ['node quick.js', 'quick']);
  assert.deepEqual(app.router, {
    host: '127.0.0.1',
    port: 8080,
    instances: 3,
    service: 'NodePort',
    nodePort: 30_080,
    ingress: { host: 'shop.example', class: 'nginx', tls: 'shop-tls' },
    resources: { memory: 2 ** 26 },
  });
  assert.deepEqual(app.database, {
    topology: 'single',
    name: 'shop',
    memory: 2 ** 27,
    storage: 2 ** 30,
    storageClass: 'fast',
    existingSecret: 'own',
    resources: { cpu: 2_000 },
  });
  assert.deepEqual(app.migrations, {
    path: './migrations',
    image: 'registry.example/shop/migrations',
  });
  assert.equal(app.paused, true);
  assert.deepEqual(app.smoke, [
    { method: 'GET', path: '/', headers: {}, status: 200 },
    { method: 'POST', path: '/quick?a=b', headers: { 'x-user': 'ann' }, body: '{}', status: 201 },
  ]);
});

test('a number of instances by load has an amount that its percentage is of', () => {
  const resources = (more: string): unknown =>
    parseApp(withService(...more.split('\n')), 'x').services[0]?.resources;
  assert.deepEqual(resources('instances: { cpu: 70% }'), { cpu: 100 });
  assert.deepEqual(resources('instances: { cpu: 70%, memory: 80% }\nresources: { cpu: "1" }'), {
    cpu: 1_000,
    memory: 2 ** 28,
  });
  assert.equal(resources('resources: {}'), undefined);
});

test('the names of a service and its application fit into the names of a cluster', () => {
  const named = (app: number, service: number): string =>
    `name: ${'a'.repeat(app)}\nservices: { ${'s'.repeat(service)}: { run: x } }`;
  assert.deepEqual(problemsOf(named(23, 22)), []);
  assert.deepEqual(problemsOf(named(5, 40)), []);
  assertProblem(
    named(6, 40),
    `2:13  services.${'s'.repeat(40)}: this name and that of the application have 46 characters together`,
  );
});

test('plain data is judged as a file is, without places', () => {
  const data = { name: 'shop', services: { web: { image: 'web', stop: '5s' } } };
  assert.deepEqual(appFromData(data), parseApp(JSON.stringify(data), 'x'));
  assert.throws(
    () => appFromData({ ...data, paused: 'no', smoke: [{ path: 'x' }], routes: { '/': 'wbe' } }),
    (error) => {
      assert.ok(error instanceof UserError);
      assert.deepEqual(error.message.split('\n').toSorted(), [
        'paused: expected true or false; found "no"',
        'routes./: there is no service "wbe"; did you mean "web"?',
        'smoke.0.path: expected a path that begins with /; found "x"',
      ]);
      return true;
    },
  );
  assert.throws(() => appFromData(undefined), UserError);
});

test('an external database has its URL and nothing else', () => {
  const external = (more: string): string => withTop(`database: { topology: external${more} }`);
  assert.deepEqual(parseApp(external(', url: { from: MY_URL }'), 'x').database, {
    topology: 'external',
    url: { kind: 'from', variable: 'MY_URL' },
  });
  assertProblem(external(''), '5:1  database.url: missing; expected the source of the URL');
  assertProblem(
    external(', url: { generate: 16 }'),
    '5:40  database.url.generate: unknown key; expected one of value',
  );
  assertProblem(external(', url: mysql://me:hunter2@host/db'), '5:38  database.url: expected exactly one of');
  assertProblem(external(', url: { file: url }, memory: 1Gi'), '5:53  database.memory: remove it');
  assertProblem(withTop('database: { topology: single, url: { from: X } }'), '5:31  database.url: remove it');
});

test('every problem comes at once, in the order of the file, with its place', () => {
  const text = `name: Shop
services:
  login:
    rnu: node login.js
    env: { TOKEN: { service: wbe, key: TOKEN } }
    instances: { mni: 1 }
  web:
    run: 12
routes: { /login: logni, /: web }
router: { port: "8080" }
volumes: []`;
  assert.deepEqual(problemsOf(text), [
    '1:7  name: expected a name of at most 40 lower-case letters, digits and -, beginning with a letter; found "Shop"',
    '4:5  services.login.rnu: unknown key; did you mean "run"?',
    '5:30  services.login.env.TOKEN.service: there is no service "wbe"; did you mean "web"?',
    '6:18  services.login.instances.mni: unknown key; did you mean "min"?',
    '8:10  services.web.run: expected the command that starts one instance; found the number 12',
    '9:19  routes./login: there is no service "logni"; did you mean "login"?',
    '10:17  router.port: expected a whole number from 0 to 65535; found "8080"',
    '11:1  volumes: unknown key; expected one of name, services, routes, router, database, migrations, logs, smoke, paused',
  ]);
});

test('a problem is also data', () => {
  assert.throws(
    () => parseApp(withService('instances: { mni: 1 }'), 'shop/holdfast.yaml'),
    (error) => {
      assert.ok(error instanceof FileError);
      assert.deepEqual(error.problems, [
        {
          file: 'shop/holdfast.yaml',
          line: 5,
          column: 18,
          path: 'services.web.instances.mni',
          message: 'unknown key; did you mean "min"?',
          expected: 'one of min, max, cpu, memory',
          nearest: 'min',
        },
      ]);
      return true;
    },
  );
});

test('a missing key is placed at its parent', () => {
  assertProblem(
    'name: shop\nservices:\n  web: {}',
    '3:8  services.web: expected run, how a machine starts it, or image, what a cluster starts it from; found an',
  );
  assertProblem('\nservices: { web: { run: x } }', '2:1  name: missing');
  assertProblem(
    withService('stateful: { idle: 5m }'),
    '5:5  services.web.stateful.key: missing; expected a map with exactly one of header, cookie, query, path; assign only beside cookie',
  );
});

test('each key is judged by itself', () => {
  const cases: [text: string, start: string][] = [
    [withService('env: { PORT: { value: "1" } }'), '5:12  services.web.env.PORT: this name cannot be used'],
    [withService('env: { a-b: { value: "1" } }'), '5:12  services.web.env.a-b: this name cannot be used'],
    [withService('env: { A: {} }'), '5:15  services.web.env.A: expected exactly one of'],
    [withService('env: { A: { value: x, from: B } }'), '5:15  services.web.env.A: expected exactly one of'],
    [withService('env: { A: { secret: x } }'), '5:15  services.web.env.A: expected exactly one of'],
    [withService('env: { A: { value: x, key: B } }'), '5:15  services.web.env.A: expected exactly one of'],
    [withService('env: { A: { secret: x, key: .. } }'), '5:33  services.web.env.A.key: expected a key'],
    [
      withService('env: { A: { generate: 15 } }'),
      '5:27  services.web.env.A.generate: expected a whole number',
    ],
    [withService('env: { A: { value: 1 } }'), '5:24  services.web.env.A.value: expected text'],
    [withService('env: { A: { value: "\\0" } }'), '5:24  services.web.env.A.value: expected text'],
    [withService('env:'), '5:5  services.web.env: expected a map from a variable'],
    [
      withService('stop: 10'),
      '5:11  services.web.stop: expected a duration from 0s to 1h such as 10s; found the number 10',
    ],
    [withService('stop: 2h'), '5:11  services.web.stop: expected a duration'],
    [
      withService('health: { ready: ready }'),
      '5:22  services.web.health.ready: expected a path that begins with /',
    ],
    [withService('health: { start: 0s }'), '5:22  services.web.health.start: expected a duration'],
    [
      withService('instances: { min: 0 }'),
      '5:23  services.web.instances.min: expected a whole number from 1 to 100',
    ],
    [withService('instances: { min: 1.5 }'), '5:23  services.web.instances.min: expected a whole number'],
    [withService('instances: { max: 101 }'), '5:23  services.web.instances.max: expected a whole number'],
    [
      withService('instances: { max: 1 }'),
      '5:23  services.web.instances.max: 1 is less than 2, the default of min',
    ],
    [withService('instances: { min: 5, max: 4 }'), '5:31  services.web.instances.max: 4 is less than min, 5'],
    [
      withService('stateful: { key: { header: "x user" } }'),
      '5:32  services.web.stateful.key.header: expected',
    ],
    ...[
      '{}',
      '{ header: x-user, cookie: sid }',
      '{ cookie: sid, path: 1 }',
      '{ header: x-user, assign: true }',
      '{ assign: true }',
    ].map((key): [string, string] => [
      withService(`stateful: { key: ${key} }`),
      '5:22  services.web.stateful.key: expected exactly one of header, cookie, query, path; assign only beside cookie',
    ]),
    [
      withService('stateful: { key: { cookie: "a;b" } }'),
      '5:32  services.web.stateful.key.cookie: expected the name of a cookie: letters, digits, -, _ and .',
    ],
    [
      withService('stateful: { key: { query: "" } }'),
      '5:31  services.web.stateful.key.query: expected the name of a parameter',
    ],
    [
      withService('stateful: { key: { path: 0 } }'),
      '5:30  services.web.stateful.key.path: expected a whole number from 1 to 20',
    ],
    [
      withService('stateful: { key: { cookie: sid, assign: 1 } }'),
      '5:45  services.web.stateful.key.assign: expected true or false',
    ],
    [withTop('routes: { /login/: web }'), '5:11  routes./login/: this name cannot be used'],
    [withTop('routes: { /a/../b: web }'), '5:11  routes."/a/../b": this name cannot be used'],
    [withTop('routes: {}'), '5:9  routes: expected at least one route; found an empty map'],
    [withTop('router: { port: 65536 }'), '5:17  router.port: expected a whole number from 0 to 65535'],
    [withTop('database: {}'), '5:1  database.topology: missing; expected single or external'],
    [
      withTop('database: { topology: sinlge }'),
      '5:23  database.topology: expected single or external, found "sinlge"; did you mean "single"?',
    ],
    [withTop('database: { topology: single, name: mysql }'), '5:37  database.name: expected another name'],
    [withTop('database: { topology: single, memory: 1Mi }'), '5:39  database.memory: expected a size'],
    [withTop('migrations: {}'), '5:1  migrations: there is no database'],
    [withTop('logs: { size: 10 }'), '5:15  logs.size: expected a size from 64Ki'],
    ['name: shop\nservices: {}', '2:11  services: expected at least one service'],
    [
      'name: mysql\nservices: { web: { run: x } }\ndatabase: { topology: single }',
      '3:1  database.name: missing',
    ],
    ['name: shop\nservices: { router: { run: x } }', '2:13  services.router: this name cannot be used'],
    [withService('image: a b'), '5:12  services.web.image: expected the name of an image'],
    [withService('resources: { cpu: 1 }'), '5:23  services.web.resources.cpu: expected an amount of CPU'],
    [withService('resources: { cpu: 0m }'), '5:23  services.web.resources.cpu: expected an amount of CPU'],
    [withService('resources: { memory: 256 }'), '5:26  services.web.resources.memory: expected a size'],
    [withService('instances: { cpu: 70 }'), '5:23  services.web.instances.cpu: expected a percentage'],
    [
      withService('stateful: { key: { header: x }, table: ring, handoff: true }'),
      '5:44  services.web.stateful.table: expected steady: with handoff',
    ],
    [
      withService('stateful: { key: { header: x }, warmup: 1m, table: ring }'),
      '5:37  services.web.stateful.warmup: remove it: only the table steady',
    ],
    [
      withService('stateful: { key: { header: x }, warmup: 1m, handoff: true }'),
      '5:37  services.web.stateful.warmup: remove it: with handoff',
    ],
    [withService('instances: { cpu: 0% }'), '5:23  services.web.instances.cpu: expected a percentage'],
    [withService('instances: { memory: 101% }'), '5:26  services.web.instances.memory: expected a percent'],
    [
      withService('stateful: { key: { header: x } }', 'instances: { cpu: 70% }'),
      '6:18  services.web.instances.cpu: remove it: the instances of a stateful service',
    ],
    [
      withTop('router: { service: Nodeport }'),
      '5:20  router.service: expected ClusterIP, NodePort or LoadBalancer, found "Nodeport"; did you mean',
    ],
    [withTop('router: { nodePort: 30080 }'), '5:11  router.nodePort: remove it: a ClusterIP has no port'],
    [
      withTop('router: { tls: { secret: x, nodePort: 30443 } }'),
      '5:29  router.tls.nodePort: remove it: a ClusterIP has no port',
    ],
    [withTop('router: { ingress: {} }'), '5:11  router.ingress.host: missing; expected the name of a host'],
    [
      withTop('database: { topology: external, url: { from: X }, storage: 1Gi }'),
      '5:51  database.storage: remove it',
    ],
    [
      withTop('database: { topology: single }', 'migrations: { image: a, configMap: b }'),
      '6:13  migrations: expected image or configMap, not both',
    ],
    [withTop('paused: "yes"'), '5:9  paused: expected true or false; found "yes"'],
    [withTop('smoke: { path: / }'), '5:8  smoke: expected a list of at most 20 requests; found a map'],
    [withTop('smoke: [{ path: / }, { path: x }]'), '5:30  smoke.1.path: expected a path that begins with /'],
    [withTop('smoke:', '- path: /', '  stat: 200'), '7:3  smoke.0.stat: unknown key; did you mean "status"?'],
    [withTop('smoke: [{}]'), '5:9  smoke.0.path: missing; expected a path'],
    [withTop('smoke: [{ path: /, method: get }]'), '5:28  smoke.0.method: expected GET, HEAD'],
    [
      withTop('smoke: [{ path: /, headers: { a: "b\\r\\nc: d" } }]'),
      '5:34  smoke.0.headers.a: expected text of one line; found text',
    ],
    ['name: shop\nservices: { 1web: { run: x } }', '2:13  services.1web: this name cannot be used'],
  ];
  for (const [text, start] of cases) assertProblem(text, start);
});

test('several services need routes, and the message shows how', () => {
  assertProblem(
    'name: shop\nservices: { web: { run: x }, login: { run: y } }',
    '1:1  routes: missing; with several services say which gets which path, for example routes: { /login: login, /: web }',
  );
});

test('references lead to a variable and never in a circle', () => {
  assertProblem(
    withService('env: { A: { service: web, key: TOKN }, TOKEN: { generate: 16 } }'),
    '5:36  services.web.env.A.key: the service web has no variable "TOKN" in its env; did you mean "TOKEN"?',
  );
  assertProblem(
    withService('env: { A: { service: web } }'),
    '5:15  services.web.env.A: the references go round in a circle: web.A -> web.A',
  );
  assertProblem(
    withService(
      'env:',
      '  A: { service: web, key: B }',
      '  B: { service: web, key: C }',
      '  C: { service: web, key: B }',
    ),
    '7:10  services.web.env.B: the references go round in a circle: web.B -> web.C -> web.B',
  );
  assertProblem(
    'name: a\nservices: { constructor: { run: x, env: { A: { service: constructor, key: toString } } } }',
    '2:75  services.constructor.env.A.key: the service constructor has no variable "toString"',
  );
});

test('what is designed but not built is refused with a word of its own', () => {
  const cases: [text: string, path: string, word: string][] = [
    [withService('instances: { sessions: 9 }'), 'services.web.instances.sessions', 'holdfast scale'],
    [
      withTop('database: { topology: galera }'),
      'database.topology',
      '`galera` is not built yet: use `single`',
    ],
    [withTop('database: { topology: single, instances: 3 }'), 'database.instances', 'one server'],
    [withTop('ledger: { store: database }'), 'ledger', 'not built yet'],
  ];
  for (const [text, path, word] of cases) {
    const problems = problemsOf(text);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.ok(problems[0]?.includes(`  ${path}: \``) && problems[0].includes(word), problems[0]);
  }
});

test('no message shows the value of a variable or a URL', () => {
  const secrets = [
    'hunter2',
    '{ value: [hunter2] }',
    '{ value: !hunter2 x }',
    '{ value: *hunter2 }',
    '{ value: "hunter2 }',
  ];
  const texts = [
    ...secrets.map((secret) => withService(`env: { A: ${secret} }`)),
    withTop('database: { topology: external, url: hunter2 }'),
    withTop('database: { topology: external, url: { value: [hunter2] } }'),
    withTop('smoke: [{ path: /, body: [hunter2] }]'),
    withTop('smoke: [{ path: /, headers: { a: "hunter2\\n" } }]'),
  ];
  for (const text of texts) {
    const problems = problemsOf(text);
    assert.notDeepEqual(problems, []);
    assert.doesNotMatch(problems.join('\n'), /hunter2/);
  }
});

test('text that is no plain YAML is refused with its place', () => {
  const cases: [text: string, start: string][] = [
    ['', '1:1  the file is empty'],
    ['# only a comment\n', '1:1  the file is empty'],
    ['- a', '1:1  expected a map with name, services and more; found a list'],
    ['just words', '1:1  expected a map with name, services and more; found "just words"'],
    ['name: a\nservices:\n\tweb: {}', '3:1  a tab in the indentation; use spaces'],
    ['name: a\n---\nname: b', '2:1  a second YAML document begins here'],
    [withTop('name: again'), '5:1  this key stands here twice'],
    [withService('env: &common { A: { value: x } }'), '5:18  anchors (&) cannot be used'],
    ['name: *x', '1:7  aliases (*) cannot be used'],
    ['name: !x y', '1:7  YAML tags (!) cannot be used'],
    ['name: a: b', '1:7  a second ": " in one line'],
    ['name: @x', '1:7  text that begins with @'],
    ['name: "x', '1:9  a closing quote'],
    ['name: [a', '1:9  the indentation does not fit'],
    ['? { a: b }\n: c', '1:3  this cannot be a key'],
    [withService('env: { __proto__: { value: x } }'), '5:12  this cannot be a key'],
  ];
  for (const [text, start] of cases) assertProblem(text, start);
});

test('a byte order mark and CRLF change nothing, not even places', () => {
  const text = withService('stop: 5s');
  assert.deepEqual(parseApp(`\uFEFF${text.replaceAll('\n', '\r\n')}\r\n`, 'x'), parseApp(text, 'x'));
  assertProblem(
    '\uFEFFnmae: a\r\nservices: { web: { run: x } }',
    '1:1  nmae: unknown key; did you mean "name"?',
  );
  assertProblem(
    `${withService().replaceAll('\n', '\r\n')}\r\n    stp: 5s`,
    '5:5  services.web.stp: unknown key',
  );
});

test('a text nested beyond measure is refused, not a crash', () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{a: ', '}'],
  ] as const) {
    assert.notDeepEqual(problemsOf(open.repeat(20_000) + close.repeat(20_000)), []);
  }
});

const anyJson = fc.json({ maxDepth: 4 });
const keys = fc.constantFrom(
  'name',
  'services',
  'web',
  'run',
  'env',
  'A',
  'routes',
  '/',
  'service',
  'key',
  'value',
  'min',
);
const nearlyValid = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.constantFrom<unknown>('web', 'A', 1, null, true, '10s', '/'),
    fc.dictionary(keys, tie('node'), { maxKeys: 4 }),
    fc.array(tie('node'), { maxLength: 2 }),
  ),
})).node;

test('whatever the text, there is an application or a list of problems with places in the text', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: fc.constantFrom(...'ab:-\n \t{}[]&*!|>"\'#%@,?\r'.split('')), maxLength: 30 }),
    anyJson,
    nearlyValid.map((value) => JSON.stringify(value, undefined, 1)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parseApp(text, 'holdfast.yaml');
      } catch (error) {
        assert.ok(error instanceof FileError, String(error));
        assert.ok(error.problems.length > 0);
        const lines = text.split('\n');
        for (const { line, column } of error.problems) {
          assert.ok(line >= 1 && line <= lines.length && column >= 1, `${line}:${column}`);
        }
      }
    }),
    { numRuns: 2000 },
  );
});

test('a user is named by a header, a cookie, a parameter or a segment of the path', () => {
  const keyOf = (key: string): unknown =>
    parseApp(withService(`stateful: { key: ${key} }`), 'holdfast.yaml').services[0]?.stateful?.key;
  assert.deepEqual(keyOf('{ header: X-User }'), { kind: 'header', name: 'x-user' });
  assert.deepEqual(keyOf('{ cookie: __Host-sid }'), { kind: 'cookie', name: '__Host-sid', assign: false });
  assert.deepEqual(keyOf('{ cookie: sid, assign: true }'), { kind: 'cookie', name: 'sid', assign: true });
  assert.deepEqual(keyOf('{ query: user.id }'), { kind: 'query', name: 'user.id' });
  assert.deepEqual(keyOf('{ path: 2 }'), { kind: 'path', segment: 2 });
});
