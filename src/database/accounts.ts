/**
 * Who may log in to a server that Holdfast runs, as SQL for its `init_file`: the server carries it out at
 * each start, before it answers anybody. Running it again changes nothing but what was asked for anew
 * (a password, a service more or less). Passwords appear only as the hash that MariaDB stores.
 * The server reads one statement a line and stops at the first that fails.
 */

import { createHash } from 'node:crypto';

/** A login with its password in clear text. */
export interface Account {
  readonly user: string;
  readonly password: string;
}

export interface DatabaseAccounts {
  /** The application's database, created when it is missing. */
  readonly database: string;
  /** May do everything; for Holdfast itself. */
  readonly admin: Account;
  /** May do everything within the application's database, but not pass its rights on. */
  readonly migrator: Account;
  /** One for each service: may read and change rows and call routines, not change the schema. */
  readonly services: readonly Account[];
}

/** The name of the administrator's account. */
export const adminUser = 'holdfast';

/** The name of the migrator's account. */
export const migratorUser = 'holdfast-migrator';

/** Accounts with this prefix are Holdfast's own: one that is no longer wanted is removed. */
const servicePrefix = 'holdfast-service-';

/** The name of a service's account. */
export function serviceUser(service: string): string {
  return `${servicePrefix}${service}`;
}

/** `localhost` is what a client on the Unix socket comes from, 127.0.0.1 one over TCP. */
const hosts = ['127.0.0.1', 'localhost'];

const serviceRights = 'SELECT, INSERT, UPDATE, DELETE, EXECUTE, CREATE TEMPORARY TABLES';

/**
 * SQL, one statement a line. Accounts without a password that the installation made (anonymous ones, root
 * by its name in the system) are removed, as are accounts of services that are not in `services`.
 */
export function accountsSql(accounts: DatabaseAccounts): string {
  const services = accounts.services.flatMap((service) =>
    account(service, `${serviceRights} ON ${grantedDatabase(accounts.database)}`),
  );
  const statements = [
    `CREATE DATABASE IF NOT EXISTS ${quotedName(accounts.database)}`,
    ...dropUsers(unwanted(accounts)),
    ...account(accounts.admin, 'ALL PRIVILEGES ON *.*', ' WITH GRANT OPTION'),
    ...account(accounts.migrator, `ALL PRIVILEGES ON ${grantedDatabase(accounts.database)}`),
    ...services,
  ];
  return statements.map((statement) => `${statement};\n`).join('');
}

/** Making the account anew takes away whatever it had before, in one atomic statement. */
function account({ user, password }: Account, rights: string, options = ''): string[] {
  return hosts.flatMap((host) => {
    const name = `${quotedName(user)}@${quotedName(host)}`;
    return [
      `CREATE OR REPLACE USER ${name} IDENTIFIED VIA mysql_native_password USING '${passwordHash(password)}'`,
      `GRANT ${rights} TO ${name}${options}`,
    ];
  });
}

/** A condition on `mysql.global_priv`; `invalid` is the password of a root that logs in by its system name. */
function unwanted({ services }: DatabaseAccounts): string {
  const wanted = services.map(({ user }) => `, ${hexText(user)}`).join('');
  const secret = "IFNULL(JSON_VALUE(Priv, '$.authentication_string'), '')";
  const isOld = `LEFT(User, ${servicePrefix.length}) = '${servicePrefix}' AND User NOT IN (''${wanted})`;
  return `User = '' OR (User = 'root' AND ${secret} IN ('', 'invalid')) OR (${isOld})`;
}

/** DROP USER takes names only, so the statement is put together on the server. */
function dropUsers(condition: string): string[] {
  return [
    'SET SESSION group_concat_max_len = 1048576',
    `SET @users = (SELECT GROUP_CONCAT(QUOTE(User), '@', QUOTE(Host) SEPARATOR ', ') FROM mysql.global_priv WHERE ${condition})`,
    "EXECUTE IMMEDIATE IFNULL(CONCAT('DROP USER ', @users), 'DO 0')",
  ];
}

/** What `mysql_native_password` stores: SHA-1 of the SHA-1, in upper case hex. */
function passwordHash(password: string): string {
  const once = createHash('sha1').update(password).digest();
  return `*${createHash('sha1').update(once).digest('hex').toUpperCase()}`;
}

/** A name is quoted the same way in every sql_mode. */
function quotedName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** In GRANT a database's name is a pattern, in which `_` and `%` stand for other characters. */
function grantedDatabase(name: string): string {
  return `${quotedName(name.replaceAll(/[\\_%]/g, '\\$&'))}.*`;
}

function hexText(text: string): string {
  return `_utf8mb4 x'${Buffer.from(text).toString('hex')}'`;
}
