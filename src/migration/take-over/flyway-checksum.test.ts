import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flywayChecksum } from './flyway-checksum.ts';

test("the checksum is Flyway's own", () => {
  // As Flyway 11.8 has written them into its table.
  assert.equal(flywayChecksum(Buffer.from('CREATE TABLE a (x VARCHAR(20));\r\n')), -106_651_278);
  assert.equal(flywayChecksum(Buffer.from('\uFEFFINSERT INTO a VALUES ("ü;");\n\n-- end')), -206_550_356);
  assert.equal(flywayChecksum(Buffer.from('CREATE OR REPLACE VIEW v AS SELECT x FROM a;\n')), 1_232_417_471);
});

test('line ends and a byte order mark do not count, any other character does', () => {
  const plain = flywayChecksum(Buffer.from("SELECT 'ä';\nSELECT 2;\n"));
  for (const same of [
    "SELECT 'ä';\r\nSELECT 2;",
    "\uFEFFSELECT 'ä';\rSELECT 2;\r",
    "\n\nSELECT 'ä';SELECT 2;",
  ]) {
    assert.equal(flywayChecksum(Buffer.from(same)), plain);
  }
  assert.notEqual(flywayChecksum(Buffer.from("SELECT 'ä'; \nSELECT 2;\n")), plain);
});
