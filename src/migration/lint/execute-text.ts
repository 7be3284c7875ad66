/**
 * A recorded statement as SQL that the server itself prepares and gives its parameters, so that nobody has to
 * find the question marks. Pure. Holds for a session without NO_BACKSLASH_ESCAPES.
 */

import type { Parameter } from './recording.ts';

/** EXECUTE IMMEDIATE with typed literals. */
export function executeText(statement: string, parameters: readonly Parameter[]): string {
  const using = parameters.length === 0 ? '' : ` USING ${parameters.map(literal).join(', ')}`;
  return `EXECUTE IMMEDIATE ${textLiteral(statement)}${using}`;
}

/** The value as its type is written. */
export function literal({ type, value }: Parameter): string {
  if (value === null) return 'NULL';
  switch (type) {
    case 'int':
    case 'bigint':
    case 'decimal':
      return numberLiteral(value, /^-?\d+(?:\.\d+)?$/);
    case 'double':
      return numberLiteral(value, /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i);
    case 'blob':
      return /^(?:[\da-f]{2})*$/i.test(String(value)) ? `X'${value}'` : textLiteral(String(value));
    case 'varchar':
    case 'text':
    case 'json':
    case 'date':
    case 'datetime':
    case 'time':
    case 'unknown':
      return textLiteral(String(value));
  }
}

/** A text that is no number is given as it is: the server says what it thinks of it. */
function numberLiteral(value: string | number, form: RegExp): string {
  const text = String(value);
  return form.test(text) ? text : textLiteral(text);
}

export function textLiteral(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
