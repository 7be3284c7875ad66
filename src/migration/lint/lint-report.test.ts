import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from './finding.ts';
import { describeReport, githubAnnotations } from './lint-report.ts';

const finding: Finding = {
  rule: 'breaks-statement',
  severity: 'error',
  file: 'V2__x.sql',
  line: 3,
  statement: 'DROP VIEW v',
  message: 'refused',
  uses: [{ statement: 'by name', seen: ['shop', 'admin'], what: "100% of table 'v'", until: 'V2__x.sql:4' }],
  rewrite: 'leave no gap',
};
const report = { findings: [finding], unchecked: ['something'], statements: 2 };

test('a report tells place, rule, who uses it, and what to do instead', () => {
  assert.deepEqual(describeReport(report), [
    'V2__x.sql:3: error breaks-statement: refused',
    '    DROP VIEW v',
    "    - by name (sent by shop, admin): 100% of table 'v' (until V2__x.sql:4 has run)",
    '    instead: leave no gap',
    'not checked:',
    '    something',
    '2 statements: 1 error, 0 warnings',
  ]);
});

test('an annotation stands on one line, whatever its text has', () => {
  assert.deepEqual(githubAnnotations('db/migrations/', report), [
    "::error file=db/migrations/V2__x.sql,line=3,title=breaks-statement::refused%0Aby name (sent by shop, admin): 100%25 of table 'v' (until V2__x.sql:4 has run)%0Ainstead: leave no gap",
    '::notice title=not checked::something',
  ]);
});
