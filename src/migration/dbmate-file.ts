/**
 * The part of a dbmate file that is applied: what stands between `-- migrate:up` and `-- migrate:down`. Pure.
 * The marks are found as dbmate finds them, by lines (pkg/dbmate/migration.go), without a look at the SQL.
 */

export interface UpBlock {
  /** The block, with as many empty lines before it as the file has, so that its lines keep their numbers. */
  readonly text: string;
  /** Line and message of what is wrong. */
  readonly problems: readonly { readonly line: number; readonly message: string }[];
  /** `-- migrate:up transaction:false`: dbmate would run it without a transaction. */
  readonly withoutTransaction: boolean;
}

const upMark = /^--\s*migrate:up(?:[^\S\n]+(\S.*))?[^\S\n]*$/m;
const downMark = /^--\s*migrate:down(?:\s.*)?$/m;

/** Whether the file is one of dbmate's. */
export function hasUpMark(text: string): boolean {
  return upMark.test(text);
}

/** Reads a file whose line ends are LF. */
export function readUpBlock(text: string): UpBlock {
  const up = upMark.exec(text);
  const start = up?.index ?? text.length;
  const down = downMark.exec(text)?.index ?? text.length;
  const before = text.slice(0, start);
  const options = (up?.[1] ?? '').split(/\s+/).filter((option) => option !== '');
  const problems = [...problemsBefore(before)];
  for (const option of options.filter((option) => !/^transaction:(?:true|false)$/.test(option))) {
    problems.push({ line: lineAt(text, start), message: `-- migrate:up has no option "${option}"` });
  }
  return {
    text: before.replaceAll(/[^\n]/g, '') + text.slice(start, Math.max(start, down)),
    problems,
    withoutTransaction: options.includes('transaction:false'),
  };
}

/** What is wrong with the text before the block. */
function problemsBefore(before: string): UpBlock['problems'] {
  const down = downMark.exec(before);
  if (down) {
    return [{ line: lineAt(before, down.index), message: '-- migrate:down stands before -- migrate:up' }];
  }
  const early = before.split('\n').findIndex((line) => !/^\s*(?:--.*)?$/.test(line));
  const message = 'nothing but comments may stand before -- migrate:up';
  return early === -1 ? [] : [{ line: early + 1, message }];
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}
