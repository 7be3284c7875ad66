/** Members of the example who log in at little cost, and the load that they make. */
import assert from 'node:assert/strict';
import { until } from '../../cluster/until.ts';
import { SessionLoad, logIn, type Finding, type Session } from '../../example/session-load.ts';
import type { Community } from './community.ts';

export const PASSWORD = 'holdfast';
/** scrypt of the password with 16 zero bytes at the least cost: log-ins are not what is tested. */
const CHEAP_HASH = `$scrypt$ln=4,r=8,p=1$${'A'.repeat(22)}$VnIs26vEN5b2eubhb5OHRxEn4rNWGr1n44VFpcCm9b8`;
const MEMBERS = 500;
const LOG_IN_WITHIN = 30_000;
const ANSWERED_WITHIN = 90_000;

/** A hundred members each: members who have lost their session once stay away from the next test. */
export function crew(number: number, size = 100): string[] {
  return Array.from({ length: size }, (_, index) => `member-${number * 100 + index}@example.org`);
}

/** A migration that makes all members of all crews. */
export function membersSql(count = MEMBERS): string {
  const rows = Array.from({ length: count }, (_, index) => {
    const email = `member-${index}@example.org`;
    return `('${email}', '${email}', '${CHEAP_HASH}')`;
  });
  return `INSERT INTO members (email, name, password_hash) VALUES\n${rows.join(',\n')};\n`;
}

/** Each member asks login and community once a second: 200 requests/s of a hundred. */
export async function startLoad(url: string, emails: readonly string[], think = 1_000): Promise<SessionLoad> {
  return new SessionLoad({ url, sessions: await logIn(url, emails, PASSWORD), think });
}

/** Until members can log in wherever the owner table sends them: routers follow what is Ready a moment later. */
export async function logInsWork(url: string): Promise<void> {
  await until('members can log in', LOG_IN_WITHIN, () =>
    logIn(url, crew(0, 20), PASSWORD).then(
      () => true,
      () => false,
    ),
  );
}

/** Waits until each member who has a session has got one answer more than now. */
export async function everybodyAnswers(load: SessionLoad): Promise<void> {
  const calls = new Map(load.sessions.map(({ email, calls }) => [email, calls]));
  await until('everybody is answered again', ANSWERED_WITHIN, () =>
    Promise.resolve(load.sessions.every((session) => session.calls > (calls.get(session.email) ?? 0))),
  );
}

export function assertUnharmed(load: SessionLoad): void {
  assert.deepEqual(summary(load.failed), {});
  assert.deepEqual(summary(load.lost), {});
}

/** The same, or another check; what it fails with says what the controller has done, and when the findings were. */
export async function assertUnharmedIn(
  app: Community,
  load: SessionLoad,
  check: (load: SessionLoad) => void = assertUnharmed,
): Promise<void> {
  try {
    check(load);
  } catch (cause) {
    const findings = [...load.failed, ...load.lost].map(
      ({ at, text }) => `${new Date(at).toISOString()} ${text.slice(0, 300)}`,
    );
    throw new Error([String(cause), ...[...(await app.story()), ...findings].toSorted()].join('\n'), {
      cause,
    });
  }
}

/** How many findings there are of each kind, and over how long; readable where hundreds are the same. */
export function summary(findings: readonly Finding[]): Record<string, string> {
  const kinds = Map.groupBy(findings, ({ text }) =>
    text.replaceAll(/[0-9a-f]{6,}-\w+|\d{4,}/g, '…').slice(0, 200),
  );
  return Object.fromEntries(
    [...kinds].map(([kind, found]) => [kind, `${found.length} within ${durationOf(found)} ms`]),
  );
}

/** From the first finding to the last; ms. */
export function durationOf(findings: readonly Finding[]): number {
  const times = findings.map(({ at }) => at);
  return findings.length === 0 ? 0 : Math.max(...times) - Math.min(...times);
}

/** Sessions by the instance that had them. */
export function homesOf(sessions: readonly Session[]): Map<string, string> {
  return new Map(sessions.map(({ email, instance }) => [email, instance]));
}
