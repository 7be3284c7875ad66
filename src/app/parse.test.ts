import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FileError } from './file-error.ts';
import { parseApp } from './parse.ts';

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
    router: { host: '127.0.0.1', port: 8080 },
    logs: { size: 10 * 2 ** 20 },
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
    stateful: { key: { header: 'x-user' }, table: 'steady', idle: 3_600_000, drain: 500 },
    instances: { min: 20, max: 20 },
    stop: 5_000,
  });
  assert.deepEqual(app.services[1]?.stateful, {
    key: { header: 'x-user' },
    table: 'steady',
    idle: 900_000,
    drain: 600_000,
  });
  assert.deepEqual(
    app.routes.map(({ path }) => path),
    ['/login', '/log', '/'],
  );
  assert.deepEqual(app.database, { topology: 'single', name: 'my_shop', memory: 2 ** 30 });
  assert.deepEqual([app.migrations, app.logs], [{ path: './migrations' }, { size: 1_000_000 }]);
  assert.deepEqual(app.router, { host: '0.0.0.0', port: 0 });
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
    '11:1  volumes: unknown key; expected one of name, services, routes, router, database, migrations, logs',
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
          expected: 'one of min, max',
          nearest: 'min',
        },
      ]);
      return true;
    },
  );
});

test('a missing key is placed at its parent', () => {
  assertProblem('name: shop\nservices:\n  web: {}', '3:3  services.web.run: missing');
  assertProblem('\nservices: { web: { run: x } }', '2:1  name: missing');
  assertProblem(
    withService('stateful: { idle: 5m }'),
    '5:5  services.web.stateful.key: missing; expected a map with header',
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
    ['name: a\nservices: { web: { image: x } }', 'services.web.image', 'a service is started by `run`'],
    [withService('resources: { cpu: 1 }'), 'services.web.resources', 'a process takes'],
    [withService('stateful: { key: { cookie: x } }'), 'services.web.stateful.key.cookie', 'a request header'],
    [
      withService('stateful: { key: { header: x }, table: ring }'),
      'services.web.stateful.table',
      'is `steady`',
    ],
    [
      withService('stateful: { key: { header: x }, handoff: true }'),
      'services.web.stateful.handoff',
      'sessions stay',
    ],
    [withService('instances: { sessions: 9 }'), 'services.web.instances.sessions', 'holdfast scale'],
    [withService('instances: { cpu: 70% }'), 'services.web.instances.cpu', 'holdfast scale'],
    ...['instances', 'tls', 'service', 'ingress'].map((key): [string, string, string] => [
      withTop(`router: { ${key}: x }`),
      `router.${key}`,
      'not built yet',
    ]),
    [
      withTop('database: { topology: galera }'),
      'database.topology',
      '`galera` is not built yet: use `single`',
    ],
    [withTop('database: { topology: single, storage: 1Gi }'), 'database.storage', 'fill the disk'],
    [
      withTop('database: { topology: single }', 'migrations: { image: x }'),
      'migrations.image',
      'folder `path`',
    ],
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
