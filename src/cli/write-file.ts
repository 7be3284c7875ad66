/** `init` and `schema`: what helps to write a `holdfast.yaml`. */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../app/failure.ts';
import { initFile } from '../app/init.ts';
import { inspectFolder } from '../app/inspect-folder.ts';
import { appJsonSchema } from '../app/json-schema.ts';
import { APP_FILE_NAME } from '../app/load.ts';
import { print, printJson } from './output.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

/** Writes a commented file for the folder it stands in; never over one that is there. */
export async function init({ app, json }: CommonOptions, context: VerbContext): Promise<number> {
  const folder = resolve(context.cwd, app ?? '.');
  const path = join(folder, APP_FILE_NAME);
  const text = initFile(await inspectFolder(folder));
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST')
      throw new UserError(`${path} is there already; it was left as it is`, { cause: error });
    throw new UserError(`${path} could not be written (${String(code)})`, { cause: error });
  }
  if (json === true) printJson(context, { written: path });
  else print(context, `${path} written. Read it through, then: holdfast up`);
  return 0;
}

export function schema(context: VerbContext): Promise<number> {
  context.stdout.write(`${JSON.stringify(appJsonSchema(), undefined, 2)}\n`);
  return Promise.resolve(0);
}
