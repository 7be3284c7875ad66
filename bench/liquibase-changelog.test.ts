import assert from 'node:assert/strict';
import { test } from 'node:test';
import { liquibaseChangelog } from './liquibase-changelog.ts';

test('each stretch of a file with the same delimiter is a change of its own', () => {
  const history = new Map([
    ['V1__t.sql', 'CREATE TABLE t (id INT);\n'],
    ['V2__r.sql', 'DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\nDELIMITER ;\nCALL p();\n'],
  ]);
  assert.equal(
    liquibaseChangelog(history),
    `--liquibase formatted sql

--changeset bench:V1__t.sql-1 endDelimiter:;
CREATE TABLE t (id INT);

--changeset bench:V2__r.sql-1 endDelimiter://
CREATE PROCEDURE p() BEGIN SELECT 1; END//

--changeset bench:V2__r.sql-2 endDelimiter:;
CALL p();
`,
  );
});
