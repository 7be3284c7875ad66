/**
 * Community: the stateless service. It serves the web page, and members, balances and transfers from
 * MariaDB. Ready means that the database answers, because without it there is nothing to serve.
 */
import { checkDatabase, openPool } from '../shared/database.ts';
import { newLifecycle, serveUntilSignal, serviceApp } from '../shared/service.ts';
import { readSettings } from '../shared/settings.ts';
import { addPage } from './page.ts';
import { addCommunityRoutes } from './routes.ts';

const settings = readSettings(process.env);
const pool = openPool(settings.databaseUrl);
const lifecycle = newLifecycle();
const app = serviceApp(settings.instance, lifecycle, () => checkDatabase(pool));
await addPage(app);
addCommunityRoutes(app, { instance: settings.instance, tokenKey: settings.tokenKey, pool });
await serveUntilSignal(app, settings, lifecycle);
await pool.end();
