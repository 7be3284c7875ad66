import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAtomicSchemaChange, readsSession, refusal, setsSession } from './allowed-statement.ts';

test('what would take the transaction or the tables out of our hands is refused', () => {
  for (const sql of [
    'commit',
    'ROLLBACK',
    'BEGIN',
    'begin work',
    'START /* x */ TRANSACTION',
    'SAVEPOINT a',
    'XA START "x"',
    'SET autocommit = 0',
    'SET @@autocommit = 0',
    'SET @@session.autocommit = 0',
    'SET SESSION TRANSACTION READ ONLY',
    'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    '/*!40000 COMMIT */',
    'LOCK TABLES t WRITE',
    'UNLOCK TABLES',
    'USE other',
    'SET NAMES utf8mb4, autocommit = 0',
    "SET sql_mode = CONCAT(@@sql_mode, ',ANSI'), SESSION sql_log_bin = 0",
    'SET @@session.wsrep_on = OFF',
    'SET completion_type = CHAIN',
    'SET STATEMENT max_statement_time = 5 FOR COMMIT',
    'FLUSH TABLES WITH READ LOCK',
    'FLUSH LOCAL TABLES a, b FOR EXPORT',
    'BACKUP STAGE START',
    'CREATE DATABASE IF NOT EXISTS other',
    'create or replace schema other',
    'DROP DATABASE other',
    'source other.sql',
  ]) {
    assert.ok(refusal(sql) !== undefined, sql);
  }
});

test('other statements are not refused', () => {
  for (const sql of [
    'BEGIN NOT ATOMIC SELECT 1; END',
    'SET NAMES utf8mb4',
    'SET @commit = 1',
    'SET @autocommit = 0, sql_mode = "autocommit"',
    "SET STATEMENT sql_mode = '' FOR SELECT 1",
    "SET sql_mode = 'ANSI_QUOTES'",
    'ALTER DATABASE CHARACTER SET utf8mb4',
    'FLUSH TABLES a, b',
    'CREATE TABLE source (id INT)',
    'CREATE TABLE lock_tables (id INT)',
    "INSERT INTO t VALUES ('COMMIT')",
  ]) {
    assert.equal(refusal(sql), undefined, sql);
  }
});

test('only a change of one object counts as atomic and visible', () => {
  for (const sql of [
    'CREATE TABLE a (b INT)',
    'create table if not exists a (b int, c int)',
    'CREATE INDEX i ON t (a, b)',
    'CREATE VIEW v AS SELECT 1',
    'ALTER TABLE t ADD a INT, ADD b INT',
    'DROP TABLE t',
    'DROP INDEX i ON t',
    'RENAME TABLE a TO b',
    '/*!50001 CREATE VIEW v AS SELECT 1 */',
  ]) {
    assert.ok(isAtomicSchemaChange(sql), sql);
  }
  for (const sql of [
    'DROP TABLE a, b',
    'RENAME TABLE a TO c, b TO a, c TO b',
    'CREATE OR REPLACE TABLE t (a INT)',
    'CREATE TABLE t SELECT * FROM u',
    'CREATE TEMPORARY TABLE t (a INT)',
    'ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u',
    'ALTER SEQUENCE s RESTART 1',
    'TRUNCATE t',
    'GRANT SELECT ON a.* TO b',
    'CALL p()',
    'BEGIN NOT ATOMIC DROP TABLE t; END',
    'INSERT INTO t VALUES (1)',
  ]) {
    assert.ok(!isAtomicSchemaChange(sql), sql);
  }
});

test('what a statement leaves in or takes from the connection is seen', () => {
  assert.ok(setsSession('SET NAMES utf8'));
  assert.ok(setsSession('SET @a = 1, sql_mode = ""'));
  assert.ok(!setsSession('SET GLOBAL x = 1'));
  assert.ok(readsSession('INSERT INTO t VALUES (@id)'));
  assert.ok(readsSession('INSERT INTO t VALUES (LAST_INSERT_ID())'));
  assert.ok(!readsSession('SELECT @@sql_mode'));
  assert.ok(!readsSession("INSERT INTO t VALUES ('me@example.org')"));
});
