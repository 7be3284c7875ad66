/** What `migrate lint` looks for: the names of its rules, and what to do instead of what they find. Pure. */

import { UserError } from '../../app/failure.ts';
import type { MigrationSet } from '../migration-set.ts';

export const rules = {
  fails: 'the statement does not run where the ones before it have run',
  'breaks-statement': 'the running version sends something that the server then refuses',
  'changes-result': 'the running version reads something else than before',
  'changes-effect': 'the running version writes something else than before',
  'adds-warning': 'the server warns of what the running version sends',
  'refuses-values': 'values that the running version may send are refused, or do something else',
  'restarts-sequence': 'a sequence gives numbers a second time',
  'copies-table': 'the table is copied and the application can not write to it meanwhile',
  'blocks-writes': 'the application can not write to the table meanwhile',
  'rebuilds-table': 'the table is rebuilt, which takes time, disk and replication',
} as const;

export type Rule = keyof typeof rules;

/** Throws `UserError` with every allowance of the set that names no rule. */
export function requireKnownRules({ files }: MigrationSet): void {
  const unknown = files.flatMap(({ file, statements }) =>
    statements.flatMap(({ line, allowances }) =>
      allowances
        .filter(({ rule }) => !Object.hasOwn(rules, rule))
        .map(({ rule }) => `  ${file}:${line}: there is no rule ${rule}`),
    ),
  );
  if (unknown.length === 0) return;
  const known = Object.keys(rules).join(', ');
  throw new UserError(
    `a finding is allowed by the name of its rule:\n${unknown.join('\n')}\n  the rules are ${known}`,
  );
}

const contractLater =
  'expand first: add the new form beside the old one and keep both alike (a trigger, a default, a view of the old name); take the old one away in a file marked "-- holdfast: contract"';

/** By the number of the server's error; see https://mariadb.com/kb/en/mariadb-error-codes/. */
const byCode = new Map<number, string>([
  [1054, `the old column has to stay: ${contractLater}`],
  [
    1146,
    'the old name has to stay: leave a view of that name, or swap two tables in one RENAME TABLE a TO b, c TO a',
  ],
  [
    1305,
    'the routine has to stay: use CREATE OR REPLACE, and drop it in a file marked "-- holdfast: contract"',
  ],
  [1318, 'parameters of a routine stay as they are: make the new form under another name'],
  [
    1136,
    'an INSERT without column names counts the columns: add the column as INVISIBLE, or in another table',
  ],
  [
    1364,
    'give the column a default, or let it be NULL; take the default away in a file marked "-- holdfast: contract"',
  ],
  [
    1048,
    'let the column be NULL until no old version writes NULL; then NOT NULL in a file marked "-- holdfast: contract"',
  ],
  [1052, 'the new column has the name of one in a joined table: give it another name'],
  [
    1062,
    'make the index without UNIQUE first; let the new version keep the rows apart; UNIQUE in a file marked "-- holdfast: contract"',
  ],
  [1176, 'the index is named by a query: drop it in a file marked "-- holdfast: contract"'],
  [1191, 'a full text search needs exactly this index: drop it in a file marked "-- holdfast: contract"'],
  [
    1264,
    'let the wide type stay until no old version writes to it; narrow it in a file marked "-- holdfast: contract"',
  ],
  [1265, 'let the old values stay allowed until no old version writes them'],
  [
    1267,
    'both columns of a comparison get the same collation in one release: add a new column with it and move to that',
  ],
  [1366, 'the character set has to hold all that the old version writes: add a new column and move to it'],
  [
    1406,
    'let the long type stay until no old version writes to it; shorten it in a file marked "-- holdfast: contract"',
  ],
  [
    1452,
    'the old version writes values without a match: add the foreign key in a file marked "-- holdfast: contract"',
  ],
  [
    1451,
    'the old version deletes rows that are referred to: add the foreign key in a file marked "-- holdfast: contract"',
  ],
  [1526, 'add a partition for the rest: VALUES LESS THAN (MAXVALUE)'],
  [
    1906,
    'a generated column can not be written: keep both as plain columns, alike by triggers, until contract',
  ],
  [4025, 'the old version writes what the CHECK forbids: add it in a file marked "-- holdfast: contract"'],
]);

const byRule: Readonly<Record<Rule, string>> = {
  fails: 'mend the statement',
  'breaks-statement': contractLater,
  'changes-result': `what the old version reads has to stay as it is: ${contractLater}`,
  'changes-effect': `what the old version writes has to stay as it is: ${contractLater}`,
  'adds-warning': contractLater,
  'refuses-values': contractLater,
  'restarts-sequence': 'make a new sequence, and let the new version use that',
  'copies-table': 'add a new column instead and fill it by a backfill; or allow it where the table is small',
  'blocks-writes': 'make it when nobody writes, or allow it where the table is small',
  'rebuilds-table':
    'add a new column at the end instead, which is instant; or allow it where the table is small',
};

/** The rewrite that would not have this finding. */
export function rewriteOf(rule: Rule, code: number | undefined): string {
  return (code === undefined ? undefined : byCode.get(code)) ?? byRule[rule];
}

/** For what is gone between two statements and back afterwards. */
export const withoutGap =
  'leave no gap: CREATE OR REPLACE instead of DROP and CREATE, one ALTER TABLE instead of two, one RENAME TABLE for both tables';
