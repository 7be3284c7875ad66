/** What is in the database of an App of the example, asked at its pod directly. */
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { RESOURCE_TYPES } from '../../../src/platform/kubernetes/api/kube-object.ts';
import type { Pod } from '../../../src/platform/kubernetes/observe/kinds.ts';
import type { Community } from './community.ts';

const connectTimeoutMs = 5_000;
export const DATABASE_POD = 'community-database-0';

/** Runs one query with the migrator's account: the administrator logs in at the server itself only. */
export async function query(app: Community, sql: string): Promise<readonly Record<string, unknown>[]> {
  const pod = await app.get<Pod>(RESOURCE_TYPES.Pod, DATABASE_POD);
  const connection = await createConnection({
    host: pod?.status?.podIP ?? '',
    user: 'holdfast-migrator',
    password: await app.secret('community-database', 'holdfast-migrator'),
    database: 'community',
    connectTimeout: connectTimeoutMs,
  });
  try {
    const [rows] = await connection.query<RowDataPacket[]>(sql);
    return rows;
  } finally {
    await connection.end();
  }
}
