/** What the App says is so: whoever acts on a condition at once finds it true. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn } from '../example/session-load.ts';
import { auditLog, isWrite } from './support/audit.ts';
import { Community } from './support/community.ts';
import { CONTROLLER_USER } from './support/controllers.ts';
import { migrationsWithMembers } from './support/example.ts';
import { startHoldfast, type Holdfast } from './support/holdfast.ts';
import { crew, PASSWORD } from './support/members.ts';

const RELEASES = 4;
const REACTION = 60_000;
/** A round that was under way may have been refused what it had decided on. */
const MOST_REFUSED = 3;

describe('what an App says', () => {
  let holdfast: Holdfast;
  let app: Community;
  before(async () => {
    holdfast = await startHoldfast({ nodes: 1 });
    app = await Community.in(holdfast, 'truth', await migrationsWithMembers());
    await app.apply(({ database }) => Object.assign(database, { storage: '1Gi' }));
  });
  after(() => holdfast?.[Symbol.asyncDispose]());

  /** Twenty users at each router, none of whom tries twice. */
  const logInEverywhere = async (): Promise<void> => {
    const routers = await app.pods('router');
    const serving = routers.filter(
      ({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.podIP,
    );
    assert.equal(serving.length, 2);
    const logIns = serving.map(({ status }, number) =>
      logIn(`http://${status?.podIP ?? ''}:8080`, crew(number, 20), PASSWORD),
    );
    await Promise.all(logIns);
  };

  it('is Ready when users can log in at every router, after an installation and after each release', async () => {
    await app.ready();
    await logInEverywhere();
    for (let number = 1; number <= RELEASES; number += 1) {
      await app.apply(({ services }) => {
        services.login.env['RELEASE'] = { value: String(number) };
        services.login.stateful.drain = '1s';
      });
      await app.ready();
      await logInEverywhere();
    }
  });

  it('tells of a volume that is to shrink, and is Ready all the same', async () => {
    await app.apply(({ database }) => Object.assign(database, { storage: '512Mi' }));
    await app.until('it is told', REACTION, async () => {
      const { status, message = '' } = (await app.condition('VolumeAsWanted')) ?? {};
      return status === 'False' && /has 1Gi and never shrinks\. Write storage: 1Gi/.test(message);
    });
    await app.ready();
    await app.apply(({ database }) => Object.assign(database, { storage: '1Gi' }));
    await app.ready();
    assert.equal(await app.condition('VolumeAsWanted'), undefined);
  });

  it('leaves an application alone whose namespace is being removed', async () => {
    await app.end();
    const refused = (await auditLog(holdfast.cluster)).filter(
      (request) =>
        request.user === CONTROLLER_USER &&
        request.namespace === app.namespace &&
        request.code === 403 &&
        isWrite(request),
    );
    assert.ok(refused.length <= MOST_REFUSED, JSON.stringify(refused, undefined, 1));
  });
});
