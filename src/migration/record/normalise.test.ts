import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { usualEscapes } from '../lexer.ts';
import { mayBeParameters, normalise, valuesOf, written } from './normalise.ts';
import { syntheticNumber, syntheticText } from './synthetic.ts';

const reading = { words: new Map([['open', 'Open']]), escapes: usualEscapes };

interface Shown {
  readonly statement: string;
  readonly parameters: readonly string[];
}

function shown(sql: string): Shown | undefined {
  const pieces = normalise(sql, reading);
  if (!pieces) return undefined;
  const parameters = valuesOf(pieces).map(({ parameter: { type, value } }) => `${type} ${String(value)}`);
  return { statement: written(pieces, () => true), parameters };
}

test('each literal becomes a parameter of its kind, with a value that is made up', () => {
  assert.deepEqual(
    shown(
      "SELECT a1, `b 2`, t.c3 FROM t WHERE n = 'O''Brien\\'s' AND d >= '2024-05-06' AND at < \"2024-05-06 07:08:09.12\"" +
        " AND x > -12.75 AND b = X'0aff' AND i = 4711 AND z = 0 AND s = 'open' AND j = '{\"a\": 5}' AND e = 1e5",
    ),
    {
      statement:
        'SELECT a1, `b 2`, t.c3 FROM t WHERE n = ? AND d >= ? AND at < ?' +
        ' AND x > -? AND b = ? AND i = ? AND z = ? AND s = ? AND j = ? AND e = ?',
      parameters: [
        'varchar xxxxxxxx',
        'date 2020-01-20',
        'datetime 2020-01-20 03:14:08.12',
        'decimal 1.10',
        'blob 6161',
        'int 1',
        'int 0',
        'varchar Open',
        'json {}',
        'double 1e0',
      ],
    },
  );
});

test('a time as the server logs it is one value', () => {
  assert.deepEqual(shown("SELECT 1 FROM t WHERE a = TIMESTAMP'2024-05-06 07:08:09.120000'"), {
    statement: 'SELECT ? FROM t WHERE a = ?',
    parameters: ['int 1', 'datetime 2020-01-20 03:14:08.123456'],
  });
});

test('of what the schema has words for, also of several together, its own words stay', () => {
  assert.deepEqual(
    shown("SELECT 1 FROM t WHERE a = 'OPEN,open' AND b = 'open,sesame'")?.parameters.slice(1),
    ['varchar Open,Open', 'varchar xxxxxxxx'],
  );
});

test('of several rows several are asked for, and none are left out', () => {
  const counts = (end: string): unknown => shown(`SELECT a FROM t LIMIT ${end}`)?.parameters;
  assert.deepEqual(counts('1'), ['int 1']);
  assert.deepEqual(counts('250'), ['int 10']);
  assert.deepEqual(counts('250 OFFSET 500'), ['int 10', 'int 0']);
  assert.deepEqual(counts('500, 250'), ['int 0', 'int 10']);
});

test('comments go, and what a statement looks like apart from its data stays', () => {
  assert.equal(
    shown('SELECT /* for anna */ a FROM t -- of anna\n WHERE b=? # anna\n')?.statement,
    'SELECT a FROM t WHERE b=?',
  );
});

test('lists behind IN and rows of an insert are made short, the arguments of a function are not', () => {
  const lists = (sql: string): string | undefined => shown(sql)?.statement;
  assert.equal(lists('SELECT 1 FROM t WHERE a IN (1, 2, 3, 4, 5)'), 'SELECT ? FROM t WHERE a IN (?, ?, ?)');
  assert.equal(
    lists("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')"),
    'INSERT INTO t VALUES (?, ?), (?, ?), (?, ?)',
  );
  assert.equal(lists('CALL p(1, 2, 3, 4, 5)'), 'CALL p(?, ?, ?, ?, ?)');
});

test('where the server takes no parameter the value itself stands, made up as well', () => {
  const pieces = normalise("SELECT CAST(a AS CHAR(20)) AS 'Anna' FROM t ORDER BY 2", reading) ?? [];
  assert.equal(
    written(pieces, () => false),
    "SELECT CAST(a AS CHAR(1)) AS 'xxxx' FROM t ORDER BY 1",
  );
  assert.deepEqual(mayBeParameters(pieces), [true, true, false]);
});

test('a statement whose quotes do not end is none', () => {
  assert.equal(shown("SELECT 'O'Brien'"), undefined);
  assert.equal(shown('SELECT /*! 1 */'), undefined);
});

/** In every secret, and in no value that is made up. */
const mark = 'kqz';
const secret = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ unit: 'binary', maxLength: 20 }))
  .map(([before, after]) => `${before}${mark}${after}`);
const escaped = (text: string): string =>
  text
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "''")
    .replaceAll('"', String.raw`\"`);
const place = fc.constantFrom(
  (text: string) => `a = '${escaped(text)}'`,
  (text: string) => `a = "${escaped(text).replaceAll("''", String.raw`\'`)}"`,
  (text: string) => `a IN ('x', '${escaped(text)}', '${escaped(text)}')`,
  (text: string) => `a LIKE '%${escaped(text)}%'`,
  (text: string) => `a = _utf8mb4'${escaped(text)}'`,
  (text: string) => `a = x'${Buffer.from(text).toString('hex')}'`,
  (text: string) => `a = '{"k": ${escaped(JSON.stringify(text))}}'`,
  (text: string) => `a = 1 /* ${text.replaceAll('*/', '').replace(/^!|^M!/, '')} */`,
  (text: string) => `a = 1 -- ${text.replaceAll('\n', '')}\n`,
  (text: string) => `a = '2024-01-01${escaped(text)}'`,
);

test('no secret comes out, wherever it stands', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(secret, place), { minLength: 1, maxLength: 6 }), (secrets) => {
      const conditions = secrets.map(([text, at]) => at(text)).join(' AND ');
      const pieces = normalise(`SELECT b FROM t WHERE ${conditions}`, reading) ?? [];
      const all = JSON.stringify([
        written(pieces, () => true),
        written(pieces, () => false),
        valuesOf(pieces),
      ]);
      assert.ok(pieces.length > 0);
      assert.ok(!all.includes(mark) && !all.includes(Buffer.from(mark).toString('hex')), all);
    }),
    { numRuns: 300 },
  );
});

test('what stands for a text is one of a few forms, whatever the text is', () => {
  const forms =
    /^(?:%?x*%?|1+|1\.10*|\{\}|\[\]|\$\.x|2020-01-20(?:[ T]03:14:08(?:\.1?2?3?4?5?6?)?(?:Z|\+00:00)?)?|03:14:08|0{8}-0{4}-4000-8000-0{11}1)$/;
  const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.uuid(), fc.date().map(String));
  fc.assert(
    fc.property(texts, (text) => {
      assert.match(String(syntheticText(text, new Map()).parameter.value), forms);
    }),
  );
});

test('what stands for a number is one of a few', () => {
  const numbers = fc.oneof(
    fc.nat().map(String),
    fc.bigInt({ min: 0n }).map(String),
    fc.double({ min: 0, noNaN: true }).map(String),
  );
  fc.assert(
    fc.property(numbers, (text) => {
      assert.match(String(syntheticNumber(text).parameter.value), /^(?:0|1|1\.10*|1e0)$/);
    }),
  );
});
