import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { referencePages } from '../scripts/reference.ts';

test('the reference pages say what the schema and the command line say', () => {
  for (const [file, text] of Object.entries(referencePages())) {
    const written = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
    assert.equal(written, text, `${file} is stale: npm run reference`);
  }
});
