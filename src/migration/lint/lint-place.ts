/** Connections to a shadow on which migrations are linted. */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { restoreSession, type SessionSettings } from '../connect.ts';
import type { ShadowServer } from '../shadow/shadow-server.ts';

export interface Connections {
  readonly migrator: Connection;
  readonly application: Connection;
}

/** The migrations run so long after what the running version sends, in s: a changed time is seen. */
const laterSeconds = 3_600;
/** How long one statement may take on the shadow, in s. */
const statementSeconds = 60;

/** For both, the time stands still, so that two runs of a statement see the same. */
export async function openConnections(shadow: ShadowServer, session: SessionSettings): Promise<Connections> {
  const migrator = await shadow.connect();
  const application = await shadow.connect({ multipleStatements: true });
  const [[row = {}]] = await migrator.query<RowDataPacket[]>('SELECT UNIX_TIMESTAMP() AS now');
  const now = Number((row as Record<string, unknown>)['now']);
  await restoreSession(application, { ...session, max_statement_time: statementSeconds });
  await application.query('SET SESSION timestamp = ?', [now]);
  await migrator.query('SET SESSION timestamp = ?, SESSION max_statement_time = ?', [
    now + laterSeconds,
    statementSeconds,
  ]);
  return { migrator, application };
}
