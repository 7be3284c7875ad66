/**
 * The difference of two texts line by line, as `diff` shows it: the shortest edit by the longest common
 * subsequence (Wagner and Fischer, The String-to-String Correction Problem, 1974). Pure.
 */

/** More lines than this are shown as all old, then all new: the table would have their product of cells. */
const mostLines = 2_000;

/** Lines that are only in `before` start with `- `, only in `after` with `+ `; common ones far from any are left out. */
export function lineDifference(before: string, after: string, context = 1): string[] {
  const old = before.split('\n');
  const now = after.split('\n');
  const lines = old.length > mostLines || now.length > mostLines ? replaced(old, now) : edited(old, now);
  return lines.filter((line, index) => {
    const near = lines.slice(Math.max(0, index - context), index + context + 1);
    return !line.startsWith('  ') || near.some((other) => !other.startsWith('  '));
  });
}

function replaced(old: readonly string[], now: readonly string[]): string[] {
  return [...old.map((line) => `- ${line}`), ...now.map((line) => `+ ${line}`)];
}

function edited(old: readonly string[], now: readonly string[]): string[] {
  const common = commonLengths(old, now);
  const cell = (i: number, j: number): number => common[i]?.[j] ?? 0;
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      lines.push(`  ${old[i++] ?? ''}`);
      j += 1;
    } else if (cell(i + 1, j) >= cell(i, j + 1)) lines.push(`- ${old[i++] ?? ''}`);
    else lines.push(`+ ${now[j++] ?? ''}`);
  }
  return [...lines, ...replaced(old.slice(i), now.slice(j))];
}

/** Row i, column j: how many lines `old` from i and `now` from j have in common, in order. */
function commonLengths(old: readonly string[], now: readonly string[]): number[][] {
  const rows: number[][] = Array.from({ length: old.length + 1 }, () => []);
  for (let i = old.length - 1; i >= 0; i -= 1) {
    const [row = [], next = []] = rows.slice(i, i + 2);
    for (let j = now.length - 1; j >= 0; j -= 1)
      row[j] = old[i] === now[j] ? (next[j + 1] ?? 0) + 1 : Math.max(next[j] ?? 0, row[j + 1] ?? 0);
  }
  return rows;
}
