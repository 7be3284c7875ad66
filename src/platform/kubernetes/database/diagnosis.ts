/** What is wrong with MariaDB, in a sentence that says what to do, from what it wrote. Pure. */
import type { ServerExit } from './server-process.ts';

/** Looked for in this order: a cause before what follows from it. */
const causes: readonly (readonly [pattern: RegExp, sentence: string])[] = [
  [
    /No space left on device|\berrno: 28\b|\berror 28\b|\bOS error: 28\b|Disk is full|Disk full/i,
    'the volume of the database is full: make it larger',
  ],
  [
    /Unable to lock \S*ibdata1|Can't lock aria control file/i,
    'another MariaDB is at work on the same data: only one may',
  ],
  [
    /Unsupported redo log format|Upgrade after a crash is not supported|redo log was created with/i,
    'the data is of another MariaDB version and was not shut down cleanly there: use the image that it was last used with',
  ],
  [
    /Cannot allocate memory|Out of memory|\berrno: 12\b/i,
    'there is not enough memory: give the database more, or a smaller buffer pool',
  ],
  [
    /Permission denied|\berrno: 13\b|\bOS error: 13\b|Operation not permitted/i,
    'MariaDB may not read or write its files: the volume must belong to the user or group of the container (fsGroup)',
  ],
  [/Bind on TCP\/IP port|Address already in use/i, 'its port is taken'],
  [
    /corrupt|checksum mismatch|privilege tables|valid aria control file|ib_logfile0\b.* was not found|ib_logfile0' exists|Cannot open datafile|Missing FILE_/i,
    'the data is damaged: restore a backup, or repair it as https://mariadb.com/kb/en/innodb-recovery-modes/ says',
  ],
];

/** Errors that only follow from others. */
const consequences =
  /^(?:Aborting|Plugin '\w+' registration as|Unknown\/unsupported storage engine|Could not open mysql\.plugin|Failed to initialize plugins|\S+: Error on close of)/;

/** Why it ended by itself, with its own most telling words. */
export function diagnose({ code, signal, log }: ServerExit): string {
  const how =
    signal === null ? `MariaDB ended with exit code ${code ?? 0}` : `MariaDB was ended by ${signal}`;
  const errors = errorsOf(log);
  for (const [pattern, sentence] of causes) {
    const line = errors.find((error) => pattern.test(error));
    if (line !== undefined) return `${how}: ${sentence} (it says: ${line})`;
  }
  if (errors[0] !== undefined) return `${how} (it says: ${errors[0]})`;
  if (signal !== 'SIGKILL') return how;
  return `${how}: often that is the memory limit of its container; give the database more`;
}

function errorsOf(log: string): string[] {
  return log
    .split('\n')
    .filter((line) => line.includes('[ERROR]'))
    .map((line) => line.replace(/^.*?\[ERROR\]\s*/, '').trim())
    .filter((line) => !consequences.test(line));
}

/** Below both, the volume is as good as full: a share of it, and bytes. */
const fullShare = 0.05;
const fullBytes = 512 * 1_048_576;

/** Sizes of a file system in bytes. */
export interface Volume {
  readonly size: number;
  readonly free: number;
}

/** What to say of a volume that is full or nearly so: MariaDB goes on, but can't write any more. */
export function volumeProblem({ size, free }: Volume): string | undefined {
  if (free >= fullBytes || free >= size * fullShare) return undefined;
  const megabytes = (bytes: number): number => Math.round(bytes / 1_048_576);
  return `the volume of the database is nearly full (${megabytes(free)} of ${megabytes(size)} MiB are free): make it larger`;
}
