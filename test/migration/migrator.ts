/** A migrator as a process of its own, to be killed: a line for each event on stdout, the URL in DATABASE_URL. */

import { runMigrations } from '../../src/migration/run.ts';
import { readMigrations } from '../../src/migration/source.ts';

const [folder = ''] = process.argv.slice(2);
await runMigrations({
  url: process.env['DATABASE_URL'] ?? '',
  set: await readMigrations(folder),
  signal: new AbortController().signal,
  progress: (event) => {
    process.stdout.write(`${JSON.stringify(event)}\n`);
  },
});
