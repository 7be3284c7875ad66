/**
 * Flyway and Liquibase as they can be had from Maven: their cores, each called by a Java program of some lines. It needs
 * Maven and a JDK.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { liquibaseChangelog } from './liquibase-changelog.ts';

export interface MigrationPeer {
  readonly name: string;
  readonly title: string;
  /** Applies the history over a JDBC URL as a user whose password is in MYSQL_PWD. */
  readonly command: (jdbcUrl: string, user: string) => string[];
}

const SOURCES = fileURLToPath(new URL('./migration-peers/', import.meta.url));
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
const FETCH_TIMEOUT_MS = 300_000;

/** Makes them in `folder` for the history in `files`. @throws with what is missing */
export async function makeMigrationPeers(
  folder: string,
  files: string,
  history: ReadonlyMap<string, string>,
): Promise<MigrationPeer[]> {
  const run = promisify(execFile);
  const options = { timeout: FETCH_TIMEOUT_MS };
  const pom = join(SOURCES, 'pom.xml');
  const packages = join(folder, 'packages');
  const copy = [`${PLUGIN}:copy-dependencies`, `-DoutputDirectory=${packages}`];
  await run('mvn', ['--batch-mode', '--quiet', `--file=${pom}`, ...copy], options);
  const programs = ['MigrateByFlyway', 'MigrateByLiquibase'];
  const sources = programs.map((program) => join(SOURCES, `${program}.java`));
  await run('javac', ['-cp', join(packages, '*'), '-d', folder, ...sources], options);
  await writeFile(join(folder, 'changelog.sql'), liquibaseChangelog(history));
  const java = (program: string, from: string): MigrationPeer['command'] => {
    const classes = `${folder}:${join(packages, '*')}`;
    return (jdbcUrl, user) => ['java', '-cp', classes, program, jdbcUrl, user, from];
  };
  return [
    { name: 'flyway', title: 'Flyway 11.8', command: java('MigrateByFlyway', files) },
    { name: 'liquibase', title: 'Liquibase 5.0', command: java('MigrateByLiquibase', folder) },
  ];
}
