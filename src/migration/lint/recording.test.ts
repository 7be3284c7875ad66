import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergedRecordings, nameOf, parseRecording, recordingText, type Recording } from './recording.ts';

test('a recording has statements with typed values, and rows', () => {
  const recording = parseRecording(
    'r.jsonl',
    `{"statement": "SELECT ?", "parameters": [{"type": "int", "value": 1}]}

{"rows": "t", "columns": ["a"], "values": [[null], ["x"]]}
{"name": "all", "statement": "SELECT * FROM t"}
`,
  );
  assert.deepEqual(recording, {
    statements: [
      { statement: 'SELECT ?', parameters: [{ type: 'int', value: 1 }] },
      { name: 'all', statement: 'SELECT * FROM t', parameters: [] },
    ],
    rows: [{ rows: 't', columns: ['a'], values: [[null], ['x']] }],
  });
});

test('every line that is wrong is told with its place', () => {
  const text = `SELECT 1
{"statement": "SELECT ?", "parameters": [{"type": "number", "value": 1}]}
{"rows": "t", "columns": ["a", "b"], "values": [[1]]}`;
  assert.throws(
    () => parseRecording('r.jsonl', text),
    /r\.jsonl:1: is not JSON\n.*r\.jsonl:2: .*\n.*r\.jsonl:3: .*as many values as there are columns/,
  );
});

test('a statement without a name is known by its text on one line', () => {
  assert.equal(nameOf({ statement: 'SELECT 1\n  FROM t', parameters: [] }), 'SELECT 1 FROM t');
  assert.equal(nameOf({ statement: 'x'.repeat(200), parameters: [] }).length, 100);
});

const select = { statement: 'SELECT ?', parameters: [{ type: 'int' as const, value: 1 }] };
const rows = [{ rows: 't', columns: ['a'], values: [[1]] }];

test('a recording that was written is read as it was, whatever the order of its statements', () => {
  const insert = { name: 'new', statement: 'INSERT INTO t VALUES (1)', parameters: [], seen: ['shop'] };
  const one: Recording = { statements: [insert, select], rows };
  const other: Recording = { statements: [select, insert], rows };
  assert.equal(recordingText(one), recordingText(other));
  const read = parseRecording('r.jsonl', recordingText(one));
  assert.deepEqual(new Set(read.statements.map((statement) => JSON.stringify(statement))).size, 2);
  assert.deepEqual(read.rows, rows);
  assert.deepEqual(recordingText(read), recordingText(one));
});

test('two recordings together have each statement once, its name, and all who send it', () => {
  const merged = mergedRecordings(
    { statements: [{ ...select, name: 'one', seen: ['b'] }], rows },
    {
      statements: [
        { ...select, seen: ['a', 'b'] },
        { statement: 'SELECT 2', parameters: [] },
      ],
      rows: [],
    },
  );
  assert.deepEqual(merged, {
    statements: [
      { ...select, name: 'one', seen: ['a', 'b'] },
      { statement: 'SELECT 2', parameters: [] },
    ],
    rows,
  });
});
