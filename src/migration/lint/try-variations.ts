/** Sends a statement with many other values at once, each in a transaction that is rolled back. */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { executeText } from './execute-text.ts';
import type { RecordedStatement } from './recording.ts';
import type { Variation } from './variation.ts';

/** A variation with what became of it: the rows that each execution changed, or the server's refusal. */
export interface Tried {
  readonly variation: Variation;
  readonly outcome: string;
  readonly isRefused: boolean;
}

/** The connection must take several statements at once. */
export async function tryVariations(
  connection: Connection,
  { statement }: RecordedStatement,
  variations: readonly Variation[],
): Promise<Tried[]> {
  if (variations.length === 0) return [];
  const attempts = variations.map((variation, index) => attempt(statement, variation, index));
  // A failure ends its attempt only. In strict mode some have the state of a warning.
  await connection.query(`SET @tried = JSON_OBJECT(); BEGIN NOT ATOMIC\n${attempts.join('\n')}\nEND`);
  const [rows] = await connection.query<RowDataPacket[]>('SELECT @tried AS tried');
  const outcomes = JSON.parse(String(rows[0]?.['tried'])) as Record<string, string>;
  return variations.map((variation, index) => {
    const outcome = outcomes[`t${index}`] ?? '';
    return { variation, outcome, isRefused: outcome.startsWith('refused') };
  });
}

function attempt(statement: string, variation: Variation, index: number): string {
  const executions = variation
    .map(
      (parameters) =>
        `${executeText(statement, parameters)}; SET @changed = CONCAT(@changed, ' ', ROW_COUNT());`,
    )
    .join('\n');
  return `BEGIN
DECLARE EXIT HANDLER FOR SQLEXCEPTION, SQLWARNING BEGIN
  GET DIAGNOSTICS CONDITION 1 @errno = MYSQL_ERRNO, @message = MESSAGE_TEXT;
  ROLLBACK;
  SET @tried = JSON_INSERT(@tried, '$.t${index}', CONCAT('refused with ', @errno, ': ', @message));
END;
SET @changed = '';
START TRANSACTION;
${executions}
ROLLBACK;
SET @tried = JSON_INSERT(@tried, '$.t${index}', @changed);
END;`;
}
