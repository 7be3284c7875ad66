/** A look into the database of an application that runs on this machine. */
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { migratorUser } from '../../src/database/accounts.ts';
import { connectionOptions, connectionUrl } from '../../src/database/connection-url.ts';
import { generatedSecret } from '../../src/platform/machine/secret-store.ts';
import type { AppFolder } from '../support/app-folder.ts';

/** What the query finds, as the migrator may see it. */
export async function query(app: AppFolder, sql: string): Promise<RowDataPacket[]> {
  const { name, database } = await app.status();
  const [host = '', port] = (database.address ?? '').split(':');
  const password = await generatedSecret(app.state, `database/${migratorUser}`, 24);
  const url = connectionUrl({ user: migratorUser, password, host, port: Number(port), database: name });
  const connection = await createConnection(connectionOptions(url));
  try {
    const [rows] = await connection.query<RowDataPacket[]>(sql);
    return rows;
  } finally {
    await connection.end();
  }
}
