/** What every statement of a migration begins with on the server, so that it is found in the list of processes. */
export const statementTag = '/* holdfast migration */';

/** The statement as it is sent: on the same line, so that the server's errors name the lines of the file. */
export function tagged(sql: string): string {
  return `${statementTag} ${sql}`;
}
