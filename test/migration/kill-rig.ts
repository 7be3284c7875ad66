/**
 * A migrator as a process of its own, whose work is ended at a moment: by SIGKILL for it, for its server or for both, or
 * by cutting its connections. One that is left alive has to end by itself and to say truly what has happened.
 */

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { tellCount } from './counts.ts';

export type Victim = 'the migrator' | 'the server' | 'the migrator and the server' | 'the connection';

/** Where a migrator works, and how what it works with is ended. */
export interface KillSite {
  /** Of the database, for the migrator. */
  readonly url: string;
  /** Of migrator.ts. */
  readonly args: readonly string[];
  readonly killServer: () => Promise<void>;
  /** To be called after `killServer`, when the migrator has ended. */
  readonly startServer: () => Promise<void>;
  readonly cut: () => void;
}

/** When it is ended. */
export interface Moment {
  /** Which of the migrator's lines are counted. */
  readonly isCounted: (line: string) => boolean;
  /** How many of them have to come. */
  readonly lines: number;
  /** How long after them, in ms. */
  readonly laterMs: number;
}

/** Starts a migrator and ends its work. @returns false when it was faster */
export async function endRun(site: KillSite, victim: Victim, moment: Moment): Promise<boolean> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'migrator.ts'), ...site.args], {
    env: { ...process.env, DATABASE_URL: site.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  await reach(child.stdout, moment);
  await delay(moment.laterMs);
  const wasAtWork = child.exitCode === null;
  const isServerKilled = victim === 'the server' || victim === 'the migrator and the server';
  if (victim === 'the connection') site.cut();
  if (victim === 'the migrator' || victim === 'the migrator and the server') child.kill('SIGKILL');
  if (isServerKilled) await site.killServer();
  await ended;
  if (isServerKilled) await site.startServer();
  requireExplained(child, complaint);
  return wasAtWork;
}

async function reach(output: Readable, { isCounted, lines }: Moment): Promise<void> {
  let counted = 0;
  for await (const line of createInterface({ input: output })) {
    counted += Number(isCounted(line));
    if (counted === lines) return;
  }
}

/** All it may say is that it has lost its server. */
function requireExplained({ exitCode, signalCode }: ChildProcess, complaint: string): void {
  if (exitCode === 0 || signalCode === 'SIGKILL') return;
  assert.match(
    complaint,
    /OperationError: (the connection was lost at|the database .* can't be reached|the migrations of app were stopped: )/,
  );
}

/** One database history after another, each brought to its end. */
export interface Histories {
  readonly name: string;
  /** How often runs are ended, in all of them. */
  readonly times: number;
  /** Begins with an empty database. */
  readonly begin: () => Promise<void>;
  /** @returns false when the history was at its end before */
  readonly endRun: () => Promise<boolean>;
  /** Does what is left to do, and checks the result. */
  readonly finish: () => Promise<void>;
}

export async function endRuns({ name, times, begin, endRun, finish }: Histories): Promise<void> {
  for (let ended = 0; ended < times; tellCount(name, ended, times)) {
    await begin();
    while (ended < times && (await endRun())) ended += 1;
    await finish();
  }
}

/** Writes files into a folder of their own. @returns the folder, which the caller removes */
export async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
  for (const [file, sql] of Object.entries(files)) await writeFile(join(folder, file), sql);
  return folder;
}

export async function remove(folders: readonly string[]): Promise<void> {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
}
