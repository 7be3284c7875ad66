import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { chartFiles } from '../../scripts/charts.ts';

test('the charts say what the schema of the file says', () => {
  for (const [file, text] of Object.entries(chartFiles())) {
    const written = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    assert.equal(written, text, `${file} is stale: node scripts/charts.ts`);
  }
});
