// Loads every module of the program once, so that Node keeps their compiled code in the folder that main.js uses.
// Argument: the folder of the compiled program.
import { readdirSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

enableCompileCache(join(process.env.XDG_CACHE_HOME, 'holdfast'));
const program = process.argv[2];
for (const file of readdirSync(program, { recursive: true }).sort()) {
  // main.js would run a verb; nothing else does anything when it is loaded.
  if (!file.endsWith('.js') || file === 'main.js') continue;
  // A module that does not load lacks its place in the cache, and nothing else.
  await import(pathToFileURL(join(program, file)).href).catch((error) => console.error(file, error));
}
flushCompileCache();
