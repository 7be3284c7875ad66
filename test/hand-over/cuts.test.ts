/**
 * Hand-overs that are cut off, by real processes that die or stand still while slots move: source, target, controller
 * and router in turn, each by SIGKILL and by SIGSTOP, at a moment that the seed says. `HOLDFAST_CUTS` says how many,
 * `HOLDFAST_SEED` which ones. After each, every slot has one owner; at the end no acknowledged write is lost.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Status } from '../../src/controller/status.ts';
import { statusWhen } from '../machine-services/support.ts';
import type { AppFolder } from '../support/app-folder.ts';
import { eventually } from '../support/haproxy.ts';
import { assertNothingLost, everybodyServed, isWhole, pidOf, underLoad } from './notes-app.ts';

const CUTS = Number(process.env['HOLDFAST_CUTS'] ?? 2);
const SEED = Number(process.env['HOLDFAST_SEED'] ?? 1);
const VICTIMS = ['source', 'target', 'controller', 'router'] as const;
const SIGNALS = ['SIGKILL', 'SIGSTOP'] as const;
/** The changes of two to three instances take about so long when nothing else runs; ms. */
const CHANGE_MS = 400;
/** Longer than the 3 s after which somebody who stands still is replaced; ms. */
const STANDS_STILL_MS = 4_500;

interface Cut {
  readonly victim: (typeof VICTIMS)[number];
  readonly signal: (typeof SIGNALS)[number];
  /** From the moment on at which slots begin to move; ms. */
  readonly after: number;
}

/** The nth of a run: all victims and signals come in turn, beginning with the one that the seed says. */
function cutOf(n: number): Cut {
  const kind = n * 5 + SEED;
  const victim = VICTIMS[kind % VICTIMS.length] ?? 'source';
  const signal = SIGNALS[Math.floor(kind / VICTIMS.length) % SIGNALS.length] ?? 'SIGKILL';
  // Multiples of an irrational number, without their whole part, are spread evenly.
  return { victim, signal, after: CHANGE_MS * ((kind * Math.SQRT2) % 1) };
}

test(`hand-overs that are cut off lose nothing: ${CUTS} cuts from seed ${SEED} on`, async (t) => {
  await using scene = await underLoad({ users: 150, think: 500 });
  const { app, load } = scene;
  for (let n = 0; n < CUTS; n += 1) {
    const cut = cutOf(n);
    const ids = new Set(instancesOf(await app.status()).map(({ id }) => id));
    const before = load.failures.length;
    const { services } = await app.status();
    const scaling = app.start(['scale', 'notes=3', '--no-wait']);
    await statusWhen(
      app,
      'slots move',
      (status) => (status.services[0]?.epoch ?? 0) > (services[0]?.epoch ?? 0),
    );
    await delay(cut.after);
    await strike(app, cut, ids);
    await scaling.result;
    const status = await statusWhen(app, 'there are three, and copies of all', (status) => {
      const instances = instancesOf(status);
      return isWhole(status) && instances.length === 3 && instances.every(({ share }) => (share ?? 0) > 0.3);
    });
    const shares = instancesOf(status).map(({ share }) => share ?? 0);
    assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-9, 'each slot has one owner');
    await everybodyServed(load, Date.now());
    t.diagnostic(
      `${cut.signal} of the ${cut.victim} ${cut.after.toFixed()} ms after slots began to move: ` +
        `${load.failures.length - before} requests failed`,
    );
    await app.must('scale', 'notes=2');
    await statusWhen(app, 'there are two again', isWhole);
  }
  await assertNothingLost(scene);
});

type Instances = Status['services'][number]['instances'];

function instancesOf({ services }: Status): Instances {
  return services[0]?.instances ?? [];
}

/** @param old the instances that give slots away */
async function strike(app: AppFolder, { victim, signal }: Cut, old: ReadonlySet<string>): Promise<void> {
  if (victim === 'controller') return strikeController(app, signal);
  const id = victim === 'router' ? 'router' : instanceOf(app, victim, old);
  const pid = pidOf(app, id);
  process.kill(pid, signal);
  if (signal === 'SIGKILL')
    return eventually(`another ${id} runs`, () => ![undefined, pid].includes(app.pids()[id]));
  await wakeLater(pid);
}

async function strikeController(app: AppFolder, signal: Cut['signal']): Promise<void> {
  if (signal === 'SIGKILL') {
    await app.killController();
    await app.must('up', '--detach');
    return;
  }
  const pid = app.controllerPid();
  assert.ok(pid !== undefined);
  process.kill(pid, signal);
  await wakeLater(pid);
}

/** Lets a process go on that stands still, after so long that others have done without it. */
async function wakeLater(pid: number): Promise<void> {
  try {
    await delay(STANDS_STILL_MS);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

function instanceOf(app: AppFolder, victim: 'source' | 'target', old: ReadonlySet<string>): string {
  const ids = Object.keys(app.pids()).filter((id) => id.startsWith('notes-'));
  const found = ids.find((id) => old.has(id) === (victim === 'source'));
  if (found === undefined) throw new Error(`there is no ${victim} among ${ids.join()}`);
  return found;
}
