/**
 * A history of migrations as an application gathers it over the years: tables, changes of them, data, routines,
 * triggers and views, in turn. Pure; the same for the same number of files.
 */

/** Content by file name, in the order in which the files are applied. */
export function migrationHistory(files: number): ReadonlyMap<string, string> {
  const history = new Map<string, string>();
  for (let index = 0; index < files; index += 1) {
    const group = Math.floor(index / kinds.length);
    const [name, text] = kinds[index % kinds.length]?.(group) ?? ['', ''];
    history.set(`V${index + 1}__${name}_${group}.sql`, text);
  }
  return history;
}

const rowsOfData = 300;

/** Each writes one file of the group with this number: its name and its content. */
const kinds: readonly ((group: number) => readonly [name: string, text: string])[] = [
  (group) => [
    'table',
    `CREATE TABLE member_${group} (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(100) NOT NULL,
  email VARCHAR(200) NOT NULL,
  balance BIGINT NOT NULL DEFAULT 0,
  made_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  UNIQUE KEY (email), KEY (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE entry_${group} (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  member INT UNSIGNED NOT NULL,
  amount BIGINT NOT NULL,
  text VARCHAR(500) NOT NULL DEFAULT '',
  FOREIGN KEY (member) REFERENCES member_${group} (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
`,
  ],
  (group) => [
    'data',
    `INSERT INTO member_${group} (name, email) VALUES\n${Array.from(
      { length: rowsOfData },
      (_, row) => `  ('Member ${row}; of ${group}', 'member-${row}@example.org')`,
    ).join(
      ',\n',
    )};\nINSERT INTO entry_${group} (member, amount) SELECT id, 10 * id FROM member_${group};\nUPDATE member_${group} SET balance = 10 * id;\n`,
  ],
  (group) => [
    'columns',
    `ALTER TABLE member_${group} ADD COLUMN phone VARCHAR(40) NULL, ADD COLUMN active BOOLEAN NOT NULL DEFAULT TRUE;
CREATE INDEX by_phone ON member_${group} (phone);
ALTER TABLE entry_${group} MODIFY text VARCHAR(1000) NOT NULL DEFAULT '';
`,
  ],
  (group) => [
    'routines',
    `DELIMITER //
CREATE PROCEDURE pay_${group}(IN who INT, IN how_much BIGINT)
BEGIN
  INSERT INTO entry_${group} (member, amount) VALUES (who, how_much);
  UPDATE member_${group} SET balance = balance + how_much WHERE id = who;
END//
CREATE FUNCTION fee_${group}(amount BIGINT) RETURNS BIGINT DETERMINISTIC
BEGIN
  RETURN GREATEST(1, amount DIV 100);
END//
DELIMITER ;
`,
  ],
  (group) => [
    'trigger',
    `DELIMITER //
CREATE TRIGGER no_zero_${group} BEFORE INSERT ON entry_${group} FOR EACH ROW
BEGIN
  IF NEW.amount = 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'nothing; to enter'; END IF;
END//
DELIMITER ;
INSERT INTO entry_${group} (member, amount) VALUES (1, 1);
`,
  ],
  (group) => [
    'view',
    `CREATE VIEW rich_${group} AS SELECT id, name, balance FROM member_${group} WHERE balance > 1000;
ALTER TABLE member_${group} DROP COLUMN made_at;
`,
  ],
];
