/** The example of the repository, copied into a folder of its own. */
import { cp, readFile, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppFolder } from '../support/app-folder.ts';

const example = fileURLToPath(new URL('../../examples/community', import.meta.url));
const packages = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** Text of the example's file and what stands there instead. */
export type Change = readonly [from: string, to: string];

/** A copy with any free port for the router. It has no data yet and does not run. */
export async function exampleApp(changes: readonly Change[] = []): Promise<AppFolder> {
  const folder = await AppFolder.create(await readFile(join(example, 'holdfast.yaml'), 'utf8'));
  try {
    const isSource = (path: string): boolean =>
      !['node_modules', '.holdfast', 'holdfast.yaml'].includes(basename(path));
    await cp(example, folder.path, { recursive: true, filter: isSource });
    await symlink(packages, join(folder.path, 'node_modules'));
    for (const [from, to] of changes) await folder.edit(from, to);
    return folder;
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
