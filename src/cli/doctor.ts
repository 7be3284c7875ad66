/** `doctor`: what is missing on this machine, and how to get it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { UserError } from '../app/failure.ts';
import { loadApp } from '../app/load.ts';
import type { App } from '../app/model.ts';
import { findProgram, PACKAGES, type Program } from '../platform/programs.ts';
import { isFree } from '../platform/machine/ports.ts';
import { checkStateVersion, stateFolder } from '../platform/machine/state-folder.ts';
import { survivors } from '../platform/machine/survivors.ts';
import { EXIT_FAILED, print, printJson } from './output.ts';
import { painter, type Paint } from './render-status.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly found: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** How long a program may take to say its version; ms. */
const VERSION_TIMEOUT = 10_000;

/** @returns 0 when `up`, or `deploy` on a cluster, has all it needs, 1 otherwise */
export async function doctor(options: CommonOptions, context: VerbContext): Promise<number> {
  const findings =
    options.context === undefined
      ? await machineFindings(options, context)
      : await (await import('./cluster-doctor.ts')).clusterFindings(options, context);
  if (options.json === true) printJson(context, findings);
  else print(context, findings.map((finding) => renderFinding(finding, painter(context.stdout))).join('\n'));
  return findings.every((finding) => finding.ok) ? 0 : EXIT_FAILED;
}

async function machineFindings(options: CommonOptions, context: VerbContext): Promise<Finding[]> {
  return [
    nodeFinding(),
    ...(await Promise.all(programFindings(context))),
    ...(await appFindings(options, context)),
  ];
}

function renderFinding({ check, ok, found, remedy }: Finding, paint: Paint): string {
  const mark = ok ? paint('green', '✔') : paint('red', '✘');
  const help = remedy === undefined ? '' : `\n    ${paint('bold', remedy)}`;
  return `${mark} ${check.padEnd(20)} ${found}${help}`;
}

function nodeFinding(): Finding {
  const { node } = process.versions;
  return { check: 'node', ok: Number(node.split('.')[0]) >= 22, found: node };
}

function programFindings(context: VerbContext): Promise<Finding>[] {
  const versionOf: Record<Program, string> = {
    haproxy: '-v',
    mariadbd: '--version',
    'mariadb-install-db': '--help',
    flock: '--version',
  };
  return (Object.keys(PACKAGES) as Program[]).map(async (name) => {
    const path = findProgram(name, context.env['PATH'] ?? '');
    if (path === undefined)
      return { check: name, ok: false, found: 'not installed', remedy: `apt-get install ${PACKAGES[name]}` };
    const found = name === 'mariadb-install-db' ? path : await firstLine(path, versionOf[name]);
    return { check: name, ok: true, found };
  });
}

async function firstLine(path: string, argument: string): Promise<string> {
  const { stdout } = await promisify(execFile)(path, [argument], { timeout: VERSION_TIMEOUT });
  return stdout.split('\n')[0]?.trim() ?? path;
}

/** About the application, when there is one here. */
async function appFindings(options: CommonOptions, context: VerbContext): Promise<Finding[]> {
  try {
    const { app, file, folder } = await loadApp(options.app, context.cwd);
    const state = stateFolder(folder);
    await checkStateVersion(state);
    const runs = (await survivors(state)).some((process) => process.id === 'router');
    return [{ check: 'file', ok: true, found: file }, await portFinding(app, runs)];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const none = options.app === undefined && error.message.includes('holdfast init');
    return none
      ? [{ check: 'file', ok: true, found: 'none here; write one: holdfast init' }]
      : [{ check: 'file', ok: false, found: error.message }];
  }
}

async function portFinding({ router }: App, runs: boolean): Promise<Finding> {
  const where = `${router.host}:${router.port}`;
  if (router.port === 0) return { check: "router's port", ok: true, found: 'any free one' };
  if (runs) return { check: "router's port", ok: true, found: `${where}, used by this application` };
  const free = await isFree(router.host, router.port);
  const remedy = free ? {} : { remedy: 'end the program that has it, or set router.port in the file' };
  return { check: "router's port", ok: free, found: `${where} is ${free ? 'free' : 'in use'}`, ...remedy };
}
