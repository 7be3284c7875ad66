import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { splitStatements } from './statements.ts';

function split(text: string): string[] {
  const { statements, problems } = splitStatements(text);
  assert.deepEqual(problems, []);
  return statements.map(({ sql }) => sql);
}

test('a delimiter counts only outside strings, names and comments', () => {
  const whole = [
    `SELECT 'a;b', "c;d", \`e;f\``,
    `SELECT 'it''s;', "a\\";b", 'a\\\\'`,
    'SELECT `a``;b`',
    'SELECT 1 /* ; */ + 2',
    'SELECT 1 -- ;\n + 2',
    'SELECT 1 # ;\n + 2',
    "SELECT 1 /* it's */",
    "SELECT 1 -- it's\n",
    '/*!40101 SET NAMES utf8; */',
    "/*!50003 SELECT ';*/' */",
    '/*M!100100 SELECT 1; */',
    '/*! SELECT 1 /* ; */ + 1; */',
  ];
  for (const sql of whole) {
    assert.deepEqual(split(`${sql};\nSELECT 2;`), [sql.trimEnd(), 'SELECT 2'], sql);
  }
});

test('what only looks like a comment is none', () => {
  assert.deepEqual(split('SELECT 5--1; SELECT 2'), ['SELECT 5--1', 'SELECT 2']);
  assert.deepEqual(split("SELECT 4*/* ' */2; SELECT 6/2"), ["SELECT 4*/* ' */2", 'SELECT 6/2']);
  assert.deepEqual(split('SELECT 1 --\n; SELECT 2'), ['SELECT 1 --', 'SELECT 2']);
});

test('comments and delimiters alone are no statement', () => {
  assert.deepEqual(split('-- nothing\n;; # here\n/* at ; all */ ;\n'), []);
});

test('a statement begins at its first word, and its line is told', () => {
  const { statements } = splitStatements('-- one\n\nSELECT 1;\n/* two\n */ SELECT\n 2;\nSELECT 3');
  assert.deepEqual(statements, [
    { sql: 'SELECT 1', line: 3 },
    { sql: 'SELECT\n 2', line: 5 },
    { sql: 'SELECT 3', line: 7 },
  ]);
});

test('DELIMITER changes the delimiter until the next one', () => {
  const body = 'CREATE PROCEDURE p()\nBEGIN\n  SELECT 1;\n  SELECT 2;\nEND';
  assert.deepEqual(split(`DELIMITER //\n${body}//\nSELECT 1 //\n  delimiter ;\nSELECT 2;`), [
    body,
    'SELECT 1',
    'SELECT 2',
  ]);
  assert.deepEqual(split(`DELIMITER $$\n${body}$$\nDELIMITER ;`), [body]);
  assert.deepEqual(split('DELIMITER go\nSELECT good, cargo go\nSELECT 2 go'), [
    'SELECT good, cargo',
    'SELECT 2',
  ]);
  assert.deepEqual(split('DELIMITER ;;\nSELECT 1; SELECT 2;;'), ['SELECT 1; SELECT 2']);
});

test('a delimiter may stand in quotes, and words of the client are told', () => {
  assert.deepEqual(split("DELIMITER '//'\nSELECT 1; SELECT 2//"), ['SELECT 1; SELECT 2']);
  assert.deepEqual(split('DELIMITER "$$" and more\nSELECT 1$$'), ['SELECT 1']);
  for (const text of ['SELECT 1\\G', 'SELECT 1 \\g\nSELECT 2', 'SELECT 1; DELIMITER //']) {
    assert.equal(splitStatements(text).problems.length, 1, text);
  }
  assert.deepEqual(split('SELECT \\N;'), ['SELECT \\N']);
});

test('a line of dashes between statements is a comment, as it is for the client', () => {
  assert.deepEqual(split('--------\n-- it is --\n--------\nSELECT 1;\n--- ;\nSELECT 2;'), [
    'SELECT 1',
    'SELECT 2',
  ]);
  assert.deepEqual(split('SELECT 1\n--2;'), ['SELECT 1\n--2']);
});

test('sql_mode says what a backslash means in the statements after it', () => {
  const plain = "SELECT 'a\\'";
  assert.deepEqual(split(`SET sql_mode = 'NO_BACKSLASH_ESCAPES';\n${plain}; SELECT ';';`), [
    "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
    plain,
    "SELECT ';'",
  ]);
  assert.deepEqual(split("/*!40101 SET SQL_MODE=ANSI */;SELECT \"\\\"; SELECT 'a\\';b';").slice(1), [
    'SELECT "\\"',
    "SELECT 'a\\';b'",
  ]);
  const unchanged = [
    "SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'",
    "SET @@global.sql_mode = 'NO_BACKSLASH_ESCAPES'",
    "SET STATEMENT sql_mode = 'NO_BACKSLASH_ESCAPES' FOR SELECT 1",
    'SET @old = @@sql_mode',
    "SET sql_mode = 'NO_BACKSLASH_ESCAPES'; SET sql_mode = @old",
  ];
  for (const sql of unchanged) assert.equal(split(`${sql}; SELECT 'a\\';b';`).at(-1), "SELECT 'a\\';b'", sql);
});

test('a no-break space is no space', () => {
  assert.deepEqual(split('\u00A0SELECT 1\u00A0;'), ['\u00A0SELECT 1\u00A0']);
});

test('a column called delimiter is a column', () => {
  const sql = 'CREATE TABLE t (\n  delimiter CHAR(1)\n)';
  assert.deepEqual(split(`${sql};`), [sql]);
});

test('the body of a routine, trigger or event stays whole without DELIMITER', () => {
  const bodies = [
    'CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END',
    'CREATE OR REPLACE DEFINER = CURRENT_USER PROCEDURE p() BEGIN BEGIN SELECT 1; END; END',
    'CREATE DEFINER=`a``b`@`%` FUNCTION f() RETURNS INT BEGIN IF 1 THEN RETURN 1; END IF; RETURN CASE WHEN 1 THEN 2 END; END',
    'CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN WHILE 0 DO SET @a = 1; END WHILE; END',
    'CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN l: LOOP LEAVE l; END LOOP; CASE 1 WHEN 1 THEN SELECT 1; END CASE; END',
    'BEGIN NOT ATOMIC SELECT 1; SELECT 2; END',
    'CREATE PROCEDURE p() BEGIN FOR i IN 1..3 DO SELECT i; END FOR; REPEAT SELECT 1; UNTIL 1 END REPEAT; END',
    'ALTER EVENT e DO BEGIN SELECT 1; END',
    'ALTER DEFINER = a@b EVENT e DO BEGIN SELECT 1; END',
    'CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET NEW.a = CASE NEW.b WHEN 1 THEN 2 END',
  ];
  for (const sql of bodies) assert.deepEqual(split(`${sql};\nSELECT 2;`), [sql, 'SELECT 2'], sql);
});

test('a table may have columns called begin, end and event', () => {
  const sql = 'CREATE TABLE t (begin INT, end INT, event INT, `case` INT)';
  assert.deepEqual(split(`${sql}; SELECT begin FROM t;`), [sql, 'SELECT begin FROM t']);
});

test('a body that was cut, or has no end, asks for DELIMITER at its line', () => {
  const trigger = 'CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW\nIF 1 THEN SET @a = 1;\nEND IF;';
  assert.deepEqual(
    splitStatements(trigger).problems.map(({ line }) => line),
    [3],
  );
  const cut = [
    'CREATE PACKAGE p AS\nFUNCTION f RETURN INT;\nPROCEDURE q;\nEND;',
    'CREATE PROCEDURE p AS\n x INT;\nEXCEPTION WHEN OTHERS THEN NULL;',
    'CREATE PROCEDURE p() REPEAT SELECT 1;\nUNTIL 1 END REPEAT;',
  ];
  for (const sql of cut) assert.ok(splitStatements(sql).problems.length > 0, sql);
  const [problem] = splitStatements('SELECT 1;\nCREATE PROCEDURE p() BEGIN SELECT 1;').problems;
  assert.equal(problem?.line, 2);
  assert.match(problem.message, /DELIMITER/);
});

test('text that is not closed is told with the line where it begins', () => {
  for (const text of [
    "SELECT\n 'a;",
    'SELECT\n `a;',
    'SELECT\n /* a;',
    '\n/*! SELECT 1;',
    'SELECT \n"a\\"',
  ]) {
    assert.deepEqual(
      splitStatements(text).problems.map(({ line }) => line),
      [2],
      text,
    );
  }
  assert.equal(splitStatements('DELIMITER\nSELECT 1').problems.length, 1);
  assert.equal(splitStatements('DELIMITER \\\nSELECT 1').problems.length, 1);
});

const piece = fc.oneof(
  fc.constantFrom(' ', '\n', 'SELECT', 'x', '1', ',', '(', ')', '+', '-', '*', '.', '@', '日本'),
  fc.string().map((text) => `'${text.replaceAll(/['\\]/g, '\\$&')}'`),
  fc.string().map((text) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '""')}"`),
  fc.string({ minLength: 1 }).map((text) => `\`${text.replaceAll('`', '``')}\``),
  fc.string().map((text) => `/*${text.replaceAll(/[*!]/g, '')} */`),
  fc.string().map((text) => `-- ${text.replaceAll('\n', '')}\n`),
  fc.string().map((text) => `#${text.replaceAll('\n', '')}\n`),
);
const statement = fc.array(piece).map((pieces) => `SELECT ${pieces.join(' ')} x`);

test('statements made of any strings, names and comments come out as they went in', () => {
  fc.assert(
    fc.property(fc.array(statement), fc.constantFrom(';', '//', '$$', ';;'), (statements, delimiter) => {
      const inside = statements.every((sql) => !sql.replaceAll(/['"`][^]*?['"`]/g, '').includes(delimiter));
      fc.pre(inside || delimiter === ';');
      const text = `DELIMITER ${delimiter}\n${statements.map((sql) => `${sql}\n${delimiter}\n`).join('')}`;
      assert.deepEqual(split(text), statements);
    }),
  );
});

const block = fc.letrec<{ one: string; many: string }>((tie) => ({
  many: fc.array(tie('one'), { minLength: 1, maxLength: 3 }).map((list) => list.join(' ')),
  one: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      "SELECT 'END; BEGIN';",
      'SET @a = CASE @b WHEN 1 THEN 2 ELSE CASE WHEN 1 THEN 3 END END;',
      'SELECT NEW.begin, NEW.end, NEW.case, `end`; -- END\n',
      'SET x = IF(a, b, REPEAT("x", 2)); /* BEGIN; */',
      'INSERT INTO t VALUES (1); # CASE\n',
    ),
    tie('many').map((text) => `BEGIN ${text} END;`),
    tie('many').map((text) => `label: BEGIN ${text} END label;`),
    tie('many').map((text) => `IF a THEN ${text} ELSEIF b THEN ${text} ELSE ${text} END IF;`),
    tie('many').map((text) => `CASE a WHEN 1 THEN ${text} ELSE ${text} END CASE;`),
    tie('many').map((text) => `again: LOOP ${text} LEAVE again; END LOOP again;`),
    tie('many').map((text) => `WHILE a DO ${text} END WHILE;`),
    tie('many').map((text) => `REPEAT ${text} UNTIL a END REPEAT;`),
    tie('many').map((text) => `FOR i IN 1..2 DO ${text} END FOR;`),
    tie('many').map((text) => `DECLARE EXIT HANDLER FOR NOT FOUND BEGIN ${text} END;`),
  ),
}));
const heads = fc.constantFrom(
  'CREATE PROCEDURE p(IN a INT)',
  'CREATE OR REPLACE DEFINER = `a b`@localhost FUNCTION f() RETURNS INT DETERMINISTIC',
  'CREATE TRIGGER t AFTER UPDATE ON x FOR EACH ROW FOLLOWS u',
  'CREATE DEFINER=CURRENT_USER() EVENT IF NOT EXISTS e ON SCHEDULE EVERY 1 DAY DO',
  '/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW',
);

test('a body of any depth stays whole, with DELIMITER and without', () => {
  fc.assert(
    fc.property(heads, block.many, (head, text) => {
      const sql = `${head} BEGIN ${text} END${head.startsWith('/*') ? ' */' : ''}`;
      assert.deepEqual(split(`${sql};\nSELECT 2;`), [sql, 'SELECT 2']);
      assert.deepEqual(split(`DELIMITER $$\n${sql}$$\nDELIMITER ;\nSELECT 2;`), [sql, 'SELECT 2']);
    }),
  );
});

test('no text makes it fail, and nothing of a statement is lost or made up', () => {
  const anything = fc.string({
    unit: fc.constantFrom("'", '"', '`', ';', '/', '*', '!', '-', '#', '\n', ' ', '\\', 'a'),
  });
  fc.assert(
    fc.property(anything, (text) => {
      let from = 0;
      for (const { sql } of splitStatements(text).statements) {
        const found = text.indexOf(sql, from);
        assert.ok(found >= from && sql !== '');
        from = found + sql.length;
      }
    }),
  );
});
