/** A history of plain SQL files as one changelog of Liquibase's. Pure. */

/** Content by file name, in order; lines `DELIMITER x` part a file, as the plain client reads it. */
export function liquibaseChangelog(history: ReadonlyMap<string, string>): string {
  const changes = [...history].flatMap(([file, text]) => changesOf(file, text));
  return `--liquibase formatted sql\n${changes.join('')}`;
}

/** One for each stretch with the same delimiter. */
function changesOf(file: string, text: string): string[] {
  const changes: string[] = [];
  let delimiter = ';';
  for (const part of text.split(/^(?=DELIMITER .*$)/m)) {
    const [, given] = /^DELIMITER (.*)\n/.exec(part) ?? [];
    delimiter = given ?? delimiter;
    const sql = given === undefined ? part : part.slice(part.indexOf('\n') + 1);
    if (sql.trim() === '') continue;
    changes.push(`\n--changeset bench:${file}-${changes.length + 1} endDelimiter:${delimiter}\n${sql}`);
  }
  return changes;
}
