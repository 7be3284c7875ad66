import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appJsonSchema, knownKeys } from './json-schema.ts';
import { entriesOf, isMap, keysOf, valueAt } from './raw-value.ts';

const LOGIC: readonly string[] = ['allOf', 'anyOf', 'oneOf', 'not'];

interface Place {
  readonly path: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly insideLogic: boolean;
}

/** Every schema inside `schema`, itself included; keys of the user such as `properties.not` are no logic. */
function schemasIn(schema: unknown, path = '', insideLogic = false): Place[] {
  if (!isMap(schema)) return [];
  const inner = (key: string, value: unknown): Place[] => {
    if (key === 'properties')
      return entriesOf(value).flatMap(([name, child]) => schemasIn(child, `${path}.${name}`, insideLogic));
    if (key === 'additionalProperties') return schemasIn(value, `${path}.*`, insideLogic);
    if (key === 'items') return schemasIn(value, `${path}[]`, insideLogic);
    if (!LOGIC.includes(key)) return [];
    return (Array.isArray(value) ? value : [value]).flatMap((child) =>
      schemasIn(child, `${path}(${key})`, true),
    );
  };
  return [{ path, schema, insideLogic }, ...entriesOf(schema).flatMap(([key, value]) => inner(key, value))];
}

test('the schema is structural: outside of logic one type each, inside of it none', () => {
  const places = schemasIn(appJsonSchema());
  assert.ok(places.some(({ insideLogic }) => insideLogic));
  for (const { path, schema, insideLogic } of places) {
    if (insideLogic) {
      const forbidden = ['type', 'properties', 'additionalProperties', 'default', 'description', 'title'];
      assert.deepEqual(
        keysOf(schema).filter((key) => forbidden.includes(key)),
        [],
        path,
      );
    } else {
      assert.equal(typeof schema['type'], 'string', path);
    }
  }
});

test('every object is strict or a map', () => {
  for (const { path, schema } of schemasIn(appJsonSchema())) {
    if (schema['type'] !== 'object') continue;
    const isStrict = isMap(schema['properties']) && schema['additionalProperties'] === false;
    const isOpenMap = schema['properties'] === undefined && isMap(schema['additionalProperties']);
    assert.ok(isStrict || isOpenMap, path);
  }
});

test('every key has one sentence for an editor', () => {
  for (const { path, schema, insideLogic } of schemasIn(appJsonSchema())) {
    // The names below these are the user's own.
    if (insideLogic || path === '.routes.*' || path === '.smoke[].headers.*') continue;
    assert.match(String(schema['description']), /^\S.{5,100}\.$/, path);
  }
});

test('patterns are understood by tools in Go, which know no look-around', () => {
  assert.doesNotMatch(JSON.stringify(appJsonSchema()), /\(\?[=!<]/);
});

test('the schema needs only a name and services', () => {
  const schema = appJsonSchema();
  assert.deepEqual(valueAt(schema, 'required'), ['name', 'services']);
  assert.equal(valueAt(schema, '$schema'), 'http://json-schema.org/draft-07/schema#');
  assert.equal(valueAt(schema, '$id'), undefined);
  const service = valueAt(schema, 'properties', 'services', 'additionalProperties');
  assert.equal(valueAt(service, 'required'), undefined);
  assert.deepEqual(valueAt(service, 'anyOf'), [{ required: ['run'] }, { required: ['image'] }]);
});

test('known keys are those of the map at a path', () => {
  assert.deepEqual(knownKeys(['services', 'web', 'instances']), ['min', 'max', 'cpu', 'memory']);
  assert.ok(knownKeys(['smoke', '0']).includes('path'));
  assert.deepEqual(knownKeys(['services']), []);
  assert.deepEqual(knownKeys(['no', 'such', 'path']), []);
});
