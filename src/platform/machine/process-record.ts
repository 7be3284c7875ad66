/**
 * What is kept of each process, in a file of its own, so that the next controller knows it. The record
 * is written before the process is started: a process without a record does not exist, save for the
 * moment in between, for which its mark is there.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { OperationError } from '../../app/failure.ts';
import { readIfThere, removeFile, writeJson } from './json-file.ts';

/** Ids of the parts that are no instances. */
export const DATABASE = 'database';
export const ROUTER = 'router';

const recordSchema = z.object({
  /** `login-2`, `database` or `router`. */
  id: z.string(),
  /** Value of the environment variable that every process of it carries; different for each start. */
  mark: z.string(),
  identity: z.object({ pid: z.number(), startTicks: z.number(), bootId: z.string() }).optional(),
  service: z.string().optional(),
  ordinal: z.number().optional(),
  template: z.string().optional(),
  /** What a running router was given. */
  structure: z.string().optional(),
  host: z.string(),
  port: z.number(),
  /** Where a router listens for HTTPS. */
  tlsPort: z.number().optional(),
  /** Where an instance that hands sessions over is spoken to about that. */
  sessionPort: z.number().optional(),
  startedAt: z.number(),
  readyAt: z.number().optional(),
  leavingSince: z.number().optional(),
  leaveBy: z.number().optional(),
  stoppingSince: z.number().optional(),
  /** When it was told to end, which is after the router has let go of it. */
  signalledAt: z.number().optional(),
  stopReason: z.string().optional(),
  /** It is ended for a failure of its own. */
  failed: z.boolean().optional(),
  exitedAt: z.number().optional(),
  /** How it ended, for people. */
  exit: z.string().optional(),
  /** How the life before this one ended. */
  lastExit: z.string().optional(),
  failures: z.number(),
});

export type ProcessRecord = z.infer<typeof recordSchema>;

/** All records of a folder. @throws OperationError for one that can't be read. */
export async function readRecords(folder: string): Promise<ProcessRecord[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  return Promise.all(names.map(async (name) => parseRecord(join(folder, name))));
}

export async function writeRecord(folder: string, record: ProcessRecord): Promise<void> {
  await writeJson(recordFile(folder, record.id), record);
}

export async function removeRecord(folder: string, id: string): Promise<void> {
  await removeFile(recordFile(folder, id));
}

async function parseRecord(path: string): Promise<ProcessRecord> {
  try {
    return recordSchema.parse(JSON.parse((await readIfThere(path)) ?? ''));
  } catch (error) {
    throw new OperationError(`${path} is not a process record; remove it once its process has ended`, {
      cause: error,
    });
  }
}

function recordFile(folder: string, id: string): string {
  return join(folder, `${id}.json`);
}
