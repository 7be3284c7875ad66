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

/** The service whose account it is, or the account itself. */
export function serviceOf(user: string): string {
  return user.startsWith(servicePrefix) ? user.slice(servicePrefix.length) : user;
}

/** From where the migrator and the services may log in, as MariaDB writes hosts. The administrator is at the server itself. */
export type AccountHosts = readonly string[];

/** `localhost` is what a client on the Unix socket comes from, 127.0.0.1 one over TCP. */
export const ownMachine: AccountHosts = ['127.0.0.1', 'localhost'];

/** The Unix socket, and any address. */
export const anywhere: AccountHosts = ['localhost', '%'];

/**
 * Granted on the whole database, so the journal of migrations may be written too: MariaDB can't take one
 * table out of such a grant, and grants table by table would have to follow every migration. It is no way
 * to more rights: what the migrator runs comes from its files only.
 */
const serviceRights = 'SELECT, INSERT, UPDATE, DELETE, EXECUTE, CREATE TEMPORARY TABLES';

/**
 * SQL, one statement a line. Accounts without a password that the installation made (anonymous ones, root
 * by its name in the system) are removed, as are accounts of services that are not in `services`, and
 * Holdfast's own for other hosts than theirs.
 */
export function accountsSql(accounts: DatabaseAccounts, hosts: AccountHosts = ownMachine): string {
  const statements = [
    `CREATE DATABASE IF NOT EXISTS ${quotedName(accounts.database)}`,
    ...dropUsers(unwanted(accounts, hosts)),
    ...grants(accounts, hosts).flatMap(makeAccount),
  ];
  return statements.map((statement) => `${statement};\n`).join('');
}

/**
 * Statements that bring a running server from the accounts `before` to `after`. Only what differs is
 * touched, and an account never lacks its rights in between. The administrator comes last: until then its
 * old password goes on, so a change that was broken off can be repeated.
 */
export function accountsChangeSql(
  before: DatabaseAccounts,
  after: DatabaseAccounts,
  hosts: AccountHosts = ownMachine,
): string[] {
  const present = grants(before, hosts);
  const passwords = new Map(present.map(({ user, password }) => [user, password]));
  const wanted = grants(after, hosts).toReversed();
  const gone = present.filter(({ user }) => wanted.every((grant) => grant.user !== user));
  const changes = wanted.flatMap((grant) => {
    const password = passwords.get(grant.user);
    if (password === grant.password) return [];
    if (password === undefined) return makeAccount(grant);
    return namesOf(grant).map((name) => `ALTER USER ${name} ${identified(grant.password)}`);
  });
  const drops = gone.flatMap((grant) => namesOf(grant).map((name) => `DROP USER IF EXISTS ${name}`));
  return [...drops, ...changes];
}

/** An account with what it may do. */
interface Grant extends Account {
  readonly rights: string;
  readonly options: string;
  readonly hosts: AccountHosts;
}

/** The administrator first. */
function grants({ database, admin, migrator, services }: DatabaseAccounts, hosts: AccountHosts): Grant[] {
  const tables = grantedDatabase(database);
  const account = (login: Account, rights: string): Grant => ({
    ...login,
    rights: `${rights} ON ${tables}`,
    options: '',
    hosts,
  });
  return [
    { ...admin, rights: 'ALL PRIVILEGES ON *.*', options: ' WITH GRANT OPTION', hosts: ownMachine },
    account(migrator, 'ALL PRIVILEGES'),
    ...services.map((service) => account(service, serviceRights)),
  ];
}

/** Making the account anew takes away whatever it had before, in one atomic statement. */
function makeAccount(grant: Grant): string[] {
  const { password, rights, options } = grant;
  return namesOf(grant).flatMap((name) => [
    `CREATE OR REPLACE USER ${name} ${identified(password)}`,
    `GRANT ${rights} TO ${name}${options}`,
  ]);
}

function identified(password: string): string {
  return `IDENTIFIED VIA mysql_native_password USING '${passwordHash(password)}'`;
}

/** The account's name for each host that it may come from. */
function namesOf({ user, hosts }: Grant): string[] {
  return hosts.map((host) => `${quotedName(user)}@${quotedName(host)}`);
}

/** A condition on `mysql.global_priv`; `invalid` is the password of a root that logs in by its system name. */
function unwanted(accounts: DatabaseAccounts, hosts: AccountHosts): string {
  const services = accounts.services.map(({ user }) => `, ${hexText(user)}`).join('');
  const elsewhere = grants(accounts, hosts).map(
    (grant) => `(User = ${hexText(grant.user)} AND Host NOT IN (${grant.hosts.map(hexText).join(', ')}))`,
  );
  const secret = "IFNULL(JSON_VALUE(Priv, '$.authentication_string'), '')";
  const isOld = `LEFT(User, ${servicePrefix.length}) = '${servicePrefix}' AND User NOT IN (''${services})`;
  const hasNoPassword = `User = '' OR (User = 'root' AND ${secret} IN ('', 'invalid'))`;
  return `${hasNoPassword} OR (${isOld}) OR ${elsewhere.join(' OR ')}`;
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
