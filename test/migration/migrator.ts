/**
 * A migrator as a process of its own, to be killed: a line for each event on stdout, the URL in DATABASE_URL.
 * Arguments: the migrations; where shadows are made; where what they tell is kept, or nothing.
 */

import { runMigrations } from '../../src/migration/run.ts';
import { readMigrations } from '../../src/migration/source.ts';

const [folder = '', temporary = '', cache = ''] = process.argv.slice(2);
await runMigrations({
  url: process.env['DATABASE_URL'] ?? '',
  set: await readMigrations(folder),
  signal: new AbortController().signal,
  ...(temporary === ''
    ? {}
    : {
        shadow: {
          temporary,
          searchPath: process.env['PATH'] ?? '',
          ...(cache === '' ? {} : { cache }),
        },
      }),
  progress: (event) => {
    process.stdout.write(`${JSON.stringify(event)}\n`);
  },
});
