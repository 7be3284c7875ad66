/**
 * What Holdfast is for: a thousand members go on working while instances come and go, and one is killed. Every answer
 * is checked, and so is the checker: before a router without owners it must find sessions lost. The same with a login
 * that does not hand over: users stay until the drain time.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlClient } from '../../src/cli/control-client.ts';
import type { InstanceStatus, Status } from '../../src/controller/status.ts';
import { controlSocket } from '../../src/platform/machine/state-folder.ts';
import { until } from '../cluster/until.ts';
import type { AppFolder } from '../support/app-folder.ts';
import { statusWhen } from '../machine-services/support.ts';
import { eventually } from '../support/haproxy.ts';
import { exampleApp } from './example-app.ts';
import { roundRobin } from './round-robin.ts';
import { logIn, SessionLoad, type Finding } from './session-load.ts';

const PASSWORD = 'holdfast';
const membersNamed = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${name}-${index}@example.org`);
const MEMBERS = membersNamed('member', 1_000);
/** They log in when there are four instances, so that those which leave have members. */
const NEWCOMERS = membersNamed('newcomer', 200);
/** Two instances are replaced one after the other, and each is left by its users first; ms. */
const CHANGED_WITHIN = 60_000;
/** A member asks login and community once each in this time; ms. */
const THINK = 2_000;
/** scrypt of the password with 16 zero bytes at the least cost: a thousand log-ins are not the test. */
const CHEAP_HASH = `$scrypt$ln=4,r=8,p=1$${'A'.repeat(22)}$VnIs26vEN5b2eubhb5OHRxEn4rNWGr1n44VFpcCm9b8`;

test('1,000 members keep their sessions while login is scaled, restarted and killed', async (t) => {
  await using app = await exampleApp();
  const url = await bringUp(app);
  const sessions = await logIn(url, MEMBERS, PASSWORD);
  const members = new SessionLoad({ url, sessions, think: THINK });
  t.after(() => members.end());
  for (const verb of [
    ['scale', 'login=4'],
    ['scale', 'login=2'],
    ['restart', 'login'],
  ])
    await t.test(`${verb.join(' ')}: no request and no session is lost`, async () => {
      await app.must(...verb);
      await statusWhen(app, 'everything has its copy', isWhole);
      await everybodyAnswered(members);
      assert.deepEqual([members.failed, members.lost], [[], []]);
      assert.equal(members.sessions.length, MEMBERS.length);
    });

  await t.test('an instance that is killed takes no session with it', async () => {
    const [victim] = pidsOf(app, 'login');
    assert.ok(victim !== undefined);
    process.kill(victim, 'SIGKILL');
    await everybodyAnswered(members);
    await statusWhen(app, 'everything has its copy again', isWhole);
    assert.deepEqual(members.lost, []);
    t.diagnostic(`${members.failed.length} requests failed`);
  });
});

test('without hand-over 1,000 members lose no request, and no session before the drain time', async (t) => {
  // These members never go idle, so each leaving instance takes its whole drain time: 5 s are enough here.
  await using app = await exampleApp([
    ['drain: 30s', 'drain: 5s'],
    ['handoff: true', 'handoff: false'],
  ]);
  const url = await bringUp(app);
  const sessions = await logIn(url, MEMBERS, PASSWORD);
  const members = new SessionLoad({ url, sessions, think: THINK });
  t.after(() => members.end());
  const homes = new Map(sessions.map(({ email, instance }) => [email, instance]));

  await t.test('scaling up loses no request and no session, and moves nobody', async () => {
    await app.must('scale', 'login=4');
    await everybodyAnswered(members);
    assert.deepEqual([members.failed, members.lost], [[], []]);
    const moved = members.sessions.filter(({ email, instance }) => homes.get(email) !== instance);
    assert.deepEqual(moved, []);
  });

  const arrived = await logIn(url, NEWCOMERS, PASSWORD);
  const newcomers = new SessionLoad({ url, sessions: arrived, think: THINK });
  t.after(() => newcomers.end());

  await t.test('a rolling restart of the stateless service is not noticed', async () => {
    const before = pidsOf(app, 'community');
    await app.must('restart', 'community');
    await everybodyAnswered(members);
    assert.deepEqual([members.failed, members.lost, newcomers.failed, newcomers.lost], [[], [], [], []]);
    const kept = pidsOf(app, 'community').filter((pid) => before.includes(pid));
    assert.deepEqual(kept, [], 'each instance is a new one');
  });

  await t.test('scaling down ends a session only when the drain time of its instance is over', async () => {
    const leaveBy = await leaveTimes(app, ['scale', 'login=2'], 2);
    await everybodyAnswered(members);
    assert.deepEqual([members.failed, members.lost, newcomers.failed], [[], [], []]);
    const leaving = arrived.filter(({ instance }) => leaveBy.has(instance)).map(({ email }) => email);
    assert.ok(
      leaving.length > NEWCOMERS.length / 3,
      `${leaving.length} newcomers were at a leaving instance`,
    );
    assert.deepEqual(newcomers.lost.map(({ email }) => email).toSorted(), leaving.toSorted());
    assertDrained(newcomers.lost, leaveBy);
    await newcomers.end();
  });

  await t.test('a rolling restart of the stateful service fails no request and drains first', async () => {
    const leaveBy = await leaveTimes(app, ['restart', 'login'], 2);
    await eventually('all have learned of it', () => members.sessions.length === 0);
    assert.deepEqual(members.failed, []);
    assertDrained(members.lost, leaveBy);
  });

  await t.test('the checker finds the sessions that a router without owners loses', async () => {
    const { services } = await app.status();
    const addresses = (name: string): string[] =>
      services.find((service) => service.name === name)?.instances.map(({ address }) => address) ?? [];
    await using plain = await roundRobin({ login: addresses('login'), community: addresses('community') });
    const again = await logIn(url, MEMBERS.slice(0, 100), PASSWORD);
    const load = new SessionLoad({ url: plain.url, sessions: again, think: 200 });
    try {
      await eventually('most sessions are lost', () => load.lost.length > 50);
      assert.deepEqual(load.failed, []);
    } finally {
      await load.end();
    }
  });
});

async function bringUp(app: AppFolder): Promise<string> {
  await app.write('migrations/V6__more_members.sql', membersSql([...MEMBERS, ...NEWCOMERS]));
  await app.must('up', '--detach');
  const { url } = await app.status();
  assert.ok(url);
  return url;
}

/** Every session is at two instances, and nothing is under way. */
function isWhole({ state, services }: Status): boolean {
  const { alone, incomplete } = services.find(({ name }) => name === 'login')?.copies ?? {};
  return state === 'ready' && alone === 0 && incomplete === 0;
}

/** Waits until every member has had answers to requests that began after this call. */
async function everybodyAnswered(load: SessionLoad): Promise<void> {
  const calls = new Map(load.sessions.map(({ email, calls }) => [email, calls]));
  await eventually('everybody was answered twice', () =>
    load.sessions.every((session) => session.calls >= (calls.get(session.email) ?? 0) + 2),
  );
}

/**
 * Asks for a change, and waits until the service `login` is as wanted with `count` instances.
 * @returns when each instance that left had to be gone at the latest; ms since the epoch
 */
async function leaveTimes(app: AppFolder, verb: string[], count: number): Promise<Map<string, number>> {
  const client = controlClient(controlSocket(app.state));
  const leaveBy = new Map<string, number>();
  await app.must(...verb, '--no-wait');
  const isDone = async (): Promise<boolean> => {
    const status = (await client.get('/status')) as Status;
    const instances = status.services.find(({ name }) => name === 'login')?.instances ?? [];
    for (const instance of instances) note(instance);
    return status.state === 'ready' && instances.length === count;
  };
  const note = (instance: InstanceStatus): void => {
    if (instance.leaveBy !== undefined) leaveBy.set(instance.id, instance.leaveBy);
  };
  await until(`${verb.join(' ')} is done`, CHANGED_WITHIN, isDone);
  assert.equal(leaveBy.size, 2, 'two instances left');
  return leaveBy;
}

function assertDrained(lost: readonly Finding[], leaveBy: ReadonlyMap<string, number>): void {
  const early = lost.filter(({ at, instance }) => at < (leaveBy.get(instance) ?? Infinity));
  assert.deepEqual(early, []);
}

function pidsOf(app: AppFolder, service: string): number[] {
  return Object.entries(app.pids()).flatMap(([id, pid]) => (id.startsWith(`${service}-`) ? [pid] : []));
}

function membersSql(emails: readonly string[]): string {
  const rows = emails.map((email) => `('${email}', '${email}', '${CHEAP_HASH}')`);
  return `INSERT INTO members (email, name, password_hash) VALUES\n${rows.join(',\n')};\n`;
}
