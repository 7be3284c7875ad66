// What every command of this repository needs, brought about once: the npm packages of the lock file and
// the Debian packages that Holdfast runs. Plain JavaScript without packages, for whatever Node is there.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Node 24 from the packages; what the machine has is only used to get here. */
export const node = join(root, 'node_modules', 'node', 'bin', 'node');

/** Programs that the product runs, with their Debian packages. */
const RUNTIME = { haproxy: 'haproxy', mariadbd: 'mariadb-server', flock: 'util-linux' };
/** Programs that only tests and benchmarks use. */
const TESTING = { chromium: 'chromium', nginx: 'nginx-light', setpriv: 'util-linux' };

/** Installs what is missing. @param {{testing?: boolean}} options */
export function setUp({ testing = false } = {}) {
  installPackages();
  installPrograms(testing ? { ...RUNTIME, ...TESTING } : RUNTIME);
}

/** The environment for programs of this repository: its own Node and tools first. */
export function environment() {
  const bin = join(root, 'node_modules', '.bin');
  return { ...process.env, PATH: `${bin}:${process.env.PATH ?? ''}` };
}

/** Runs a program in the repository; ends this process with its exit code when that is not 0. */
export function run(program, args) {
  const { status, error } = spawnSync(program, args, { cwd: root, env: environment(), stdio: 'inherit' });
  if (error) fail(`${program}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

function installPackages() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (existsSync(node) && existsSync(installed) && sameVersions(installed)) return;
  say('installing the npm packages of the lock file (npm ci)');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

/** Whether what is installed is what the lock file says, with a link for each package of this repository. */
function sameVersions(installed) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const found = Object.entries(JSON.parse(readFileSync(installed, 'utf8')).packages);
  const links = Object.keys(packages).filter((path) => packages[path].link === true);
  return (
    found.every(([path, { version }]) => packages[path]?.version === version) &&
    links.every((path) => existsSync(join(root, path)))
  );
}

function installPrograms(programs) {
  const missing = Object.keys(programs).filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((name) => programs[name]))];
  const command = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !isInstalled('apt-get'))
    fail(`missing: ${missing.join(', ')}. As root, run:\n  ${command}`);
  say(`installing ${packages.join(', ')} (apt-get)`);
  const quiet = {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  };
  try {
    execFileSync('apt-get', ['update', '-qq'], quiet);
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], quiet);
  } catch (error) {
    fail(`apt-get failed: ${String(error.stderr ?? error.message).trim()}\nRun it yourself:\n  ${command}`);
  }
}

function isInstalled(program) {
  const folders = [
    ...(process.env.PATH ?? '').split(':'),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
    '/usr/bin',
  ];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

function say(text) {
  process.stderr.write(`holdfast: ${text}\n`);
}

function fail(text) {
  process.stderr.write(`holdfast: ${text}\n`);
  process.exit(1);
}
