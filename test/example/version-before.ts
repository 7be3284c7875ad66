/**
 * The example as it was before its last release, which gives a column another name: code that knows the old name only,
 * and no files of that release.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The file of the code that the release changes, in the folder of the example. */
export const CHANGED_CODE = 'community/transfers.ts';
/** Its files: the first is one that the version before survives, the second is not. */
export const RELEASE_FILES = ['V4__purpose.sql', 'V5__no_memo.sql'] as const;
/** A version between those of both. */
export const BETWEEN = 'V3.1';

const example = fileURLToPath(new URL('../../examples/community/', import.meta.url));

/** Both texts of the changed code. @throws when nothing in it has the new name any more */
export async function codeOfBoth(): Promise<{ readonly before: string; readonly after: string }> {
  const after = await readFile(`${example}${CHANGED_CODE}`, 'utf8');
  const before = after.replaceAll('purpose AS memo', 'memo').replaceAll('purpose', 'memo');
  if (before === after) throw new Error(`${CHANGED_CODE} does not know the column purpose`);
  return { before, after };
}
