/**
 * Which process is meant. A pid alone says little: it is used again after its process has ended. A pid
 * with its start time and the machine's boot names one process for ever (proc(5), field 22 of
 * /proc/PID/stat).
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from the machine's boot to the process's start. */
  readonly startTicks: number;
  readonly bootId: string;
}

/** Set in every process that Holdfast starts, so that one whose record was not written yet is found. */
export const MARK = 'HOLDFAST_PROCESS';

interface Stat {
  readonly state: string;
  readonly session: number;
  readonly startTicks: number;
}

/** The identity of a process that runs now; undefined when there is none, or only its zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat === undefined ? undefined : { pid, startTicks: stat.startTicks, bootId: bootId() };
}

/** Whether that very process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  const found = identify(identity.pid);
  return found?.startTicks === identity.startTicks && found.bootId === identity.bootId;
}

export interface MarkedProcess extends ProcessIdentity {
  readonly mark: string;
  /** It leads its session: the process that was started, not one of its children. */
  readonly leads: boolean;
}

/** The processes that carry a mark with this prefix. */
export function findMarked(prefix: string): MarkedProcess[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    const mark = Number.isInteger(pid) ? markOf(pid) : undefined;
    if (mark?.startsWith(prefix) !== true) return [];
    const identity = identify(pid);
    return identity === undefined ? [] : [{ ...identity, mark, leads: readStat(pid)?.session === pid }];
  });
}

function markOf(pid: number): string | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    return environment.find((entry) => entry.startsWith(`${MARK}=`))?.slice(MARK.length + 1);
  } catch {
    // Ended meanwhile, or another user's: not ours in either case.
    return undefined;
  }
}

function readStat(pid: number): Stat | undefined {
  try {
    // The second field is the program's name in brackets and may itself hold brackets and spaces.
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state = 'X', , , session, ...rest] = fields;
    if (state === 'Z' || state === 'X') return undefined;
    return { state, session: Number(session), startTicks: Number(rest[15]) };
  } catch {
    // No such process.
    return undefined;
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}
