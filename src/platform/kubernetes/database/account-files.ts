/**
 * The accounts as a mounted Secret holds them: a file each, whose name is the user and whose content, to
 * the last byte, is the password. Files with other names are not ours and are left alone.
 */
import { createHmac } from 'node:crypto';
import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../../app/failure.ts';
import {
  adminUser,
  migratorUser,
  serviceUser,
  type Account,
  type DatabaseAccounts,
} from '../../../database/accounts.ts';

/** Passwords by user. */
export type AccountFiles = Readonly<Record<string, string>>;

/** The accounts of the database `database`. @throws UserError for one that is missing or has no password */
export function parseAccounts(database: string, files: AccountFiles): DatabaseAccounts {
  const users = accountNames(files);
  const empty = users.find((user) => files[user] === '');
  if (empty !== undefined) throw new UserError(`the account ${empty} has an empty password: give it one`);
  const account = (user: string): Account => {
    const password = files[user];
    if (password === undefined) throw new UserError(`the accounts lack one named ${user}: add its password`);
    return { user, password };
  };
  return {
    database,
    admin: account(adminUser),
    migrator: account(migratorUser),
    services: users.filter((user) => user.startsWith(serviceUser(''))).map(account),
  };
}

/** Which of the files are accounts, sorted. */
export function accountNames(files: AccountFiles): string[] {
  const isAccount = (name: string): boolean =>
    name === adminUser || name === migratorUser || name.startsWith(serviceUser(''));
  return Object.keys(files).filter(isAccount).sort();
}

/**
 * Tells two sets of accounts apart without telling a password: an HMAC-SHA256 in hex over names and
 * passwords, with the administrator's password as its key. Whoever has the Secret can compute it.
 */
export function accountsDigest(files: AccountFiles): string {
  const hmac = createHmac('sha256', files[adminUser] ?? '');
  const accounts = accountNames(files).map((user) => [user, files[user] ?? '']);
  return hmac.update(JSON.stringify(accounts)).digest('hex');
}

/**
 * Reads the folder. Kubernetes exchanges a Secret's files at once, by the link `..data`: reading behind it
 * gives the old ones or the new ones, or fails when they are exchanged meanwhile.
 */
export async function readAccountFiles(folder: string): Promise<AccountFiles> {
  const current = await realpath(join(folder, '..data')).catch(() => folder);
  const found = await readdir(current).catch((cause: unknown) => {
    throw new UserError(`the folder ${folder} with the accounts can't be read: mount the Secret there`, {
      cause,
    });
  });
  const names = accountNames(Object.fromEntries(found.map((name) => [name, ''])));
  const read = async (name: string): Promise<[string, string]> => [
    name,
    await readFile(join(current, name), 'utf8'),
  ];
  return Object.fromEntries(await Promise.all(names.map(read)));
}
