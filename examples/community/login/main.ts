/**
 * Login: the stateful service. It checks passwords and keeps its sessions in memory, where `holdfast/session` takes care
 * that they move with their users, and that a crash loses none.
 */
import { sessionsFromEnvironment } from 'holdfast/session';
import { checkDatabase, openPool } from '../shared/database.ts';
import { newLifecycle, serveUntilSignal, serviceApp } from '../shared/service.ts';
import { readSettings } from '../shared/settings.ts';
import { addLoginRoutes } from './routes.ts';
import type { LogIn } from './log-ins.ts';
import { WorkQueue } from './work-queue.ts';

/** Two of the four threads of Node's pool; a hundred waiting log-ins are about four seconds. */
const HASHING = { running: 2, waiting: 100 };

const settings = readSettings(process.env);
const pool = openPool(settings.databaseUrl);
const lifecycle = newLifecycle();
const sessions = sessionsFromEnvironment<readonly LogIn[]>({ formatVersion: 1 });
const checkReady = onceOnly(() => checkDatabase(pool));
const app = serviceApp(settings.instance, lifecycle, checkReady);
addLoginRoutes(app, {
  instance: settings.instance,
  tokenKey: settings.tokenKey,
  pool,
  sessions,
  hashing: new WorkQueue(HASHING),
});
await serveUntilSignal(app, settings, lifecycle, sessions);
await pool.end();

/**
 * Login needs the database to begin, but not to stay ready: without it the sessions in memory are as
 * good as before, and no other instance has them. Only new log-ins fail, with 503.
 */
function onceOnly(check: () => Promise<void>): () => Promise<void> {
  let done = false;
  return async () => {
    if (!done) await check();
    done = true;
  };
}
