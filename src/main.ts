/**
 * The entry of the program. It keeps compiled code for the next start, which then takes half the time and
 * a third less memory; so everything else is loaded only after that has been switched on.
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/** The user's own folder: in a shared one others could put code there. Without one there is no cache. */
const { XDG_CACHE_HOME, HOME } = process.env;
const caches = XDG_CACHE_HOME ?? (HOME === undefined ? undefined : join(HOME, '.cache'));
if (caches !== undefined) enableCompileCache(join(caches, 'holdfast'));

const { main } = await import('./cli/main.ts');
process.exitCode = await main();
