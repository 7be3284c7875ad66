import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entriesOf, isMap, keysOf, valueAt } from '../../../app/raw-value.ts';
import { SPEC_RULES } from './spec-rules.ts';
import { specSchema } from './spec-schema.ts';
import { structuralSchema } from './structural-schema.ts';

/** Every schema inside `schema`, itself included, by the path of what it is about. */
function schemasIn(schema: unknown, path: string): [path: string, schema: unknown][] {
  const below = [
    ...entriesOf(valueAt(schema, 'properties')),
    ['*', valueAt(schema, 'additionalProperties')] as const,
    ['*', valueAt(schema, 'items')] as const,
  ];
  const inner = below
    .filter(([, child]) => isMap(child))
    .flatMap(([key, child]) => schemasIn(child, path === '' ? key : `${path}.${key}`));
  return [[path, schema], ...inner];
}

test('names of keys become a rule', () => {
  const names = { type: 'string', pattern: '^[a-z\\d]+$', maxLength: 9 };
  const schema = { type: 'object', propertyNames: names, additionalProperties: { type: 'string' } };
  assert.deepEqual(structuralSchema(schema, {}), {
    type: 'object',
    additionalProperties: { type: 'string' },
    'x-kubernetes-validations': [
      {
        rule: "self.all(key, key.matches(r'^[a-z\\d]+$') && size(key) <= 9)",
        message: 'each name in this map must match ^[a-z\\d]+$ and have at most 9 characters',
      },
    ],
  });
});

test('conditions become rules in words', () => {
  const rulesOf = (condition: object): unknown =>
    valueAt(structuralSchema({ type: 'object', ...condition }, {}), 'x-kubernetes-validations');
  assert.deepEqual(
    rulesOf({
      oneOf: [{ required: ['a'], not: { required: ['c'] } }, { required: ['b', 'c'] }],
    }),
    [
      {
        rule: '[(has(self.a) && !(has(self.c))), (has(self.b) && has(self.c))].exists_one(fits, fits)',
        message: 'must have exactly one of a, b together with c',
      },
    ],
  );
  assert.deepEqual(rulesOf({ anyOf: [{ required: ['a'] }, { required: ['b'] }] }), [
    { rule: 'has(self.a) || has(self.b)', message: 'must have a or b' },
  ]);
  assert.deepEqual(rulesOf({ not: { required: ['a', 'b'] } }), [
    { rule: '!((has(self.a) && has(self.b)))', message: 'must not have a together with b' },
  ]);
});

test('a default becomes a word, so that what is stored is what was written', () => {
  assert.deepEqual(structuralSchema({ type: 'integer', description: 'How many.', default: 2 }, {}), {
    type: 'integer',
    description: 'How many. Default: 2.',
  });
  assert.ok(!JSON.stringify(specSchema()).includes('"default"'));
});

test('every field has a type and a word, and nothing that Kubernetes refuses', () => {
  const refused = ['$ref', 'oneOf', 'anyOf', 'allOf', 'not', 'propertyNames', 'title', '$schema', 'default'];
  for (const [path, schema] of schemasIn(specSchema(), '')) {
    assert.equal(typeof valueAt(schema, 'type'), 'string', path);
    assert.notEqual(valueAt(schema, 'additionalProperties'), false, path);
    assert.deepEqual(
      keysOf(schema).filter((key) => refused.includes(key)),
      [],
      path,
    );
  }
});

test('every rule is about something that the schema has', () => {
  const paths = new Set(schemasIn(specSchema(), '').map(([path]) => path));
  for (const path of Object.keys(SPEC_RULES)) assert.ok(paths.has(path), path);
});

test('on a cluster every service has an image', () => {
  const service = valueAt(specSchema(), 'properties', 'services', 'additionalProperties');
  assert.deepEqual(valueAt(service, 'required'), ['image']);
});
