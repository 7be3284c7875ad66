/**
 * A hand-over under load that is cut off at each of its steps: somebody dies or stands still in between, and the controller
 * does what docs/hand-over.md asks of it. Afterwards each slot has one owner, and every acknowledged write is there.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SLOTS } from '../../src/session/slot.ts';
import { moved, TestCluster, type ServiceProcess } from './support/cluster.ts';
import { assertKept, Load, runTwice } from './support/load.ts';

const IDS = ['notes-1', 'notes-2', 'notes-3'];
const USERS = 24;

interface Stage {
  readonly cluster: TestCluster;
  readonly source: ServiceProcess;
  readonly target: ServiceProcess;
  /** The second owner of what moves. */
  readonly second: ServiceProcess;
  /** Puts the table of the hand-over in force, told to all but these. */
  readonly flip: (...not: readonly ServiceProcess[]) => Promise<void>;
}

/** What happens when the source has frozen and sent its slots, and nothing has been published. */
const CUTS: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  'the source dies before the table is published': ({ cluster, source }) => cluster.crash(source),
  'the target dies before the table is published': ({ cluster, target }) => cluster.crash(target),
  'the second owner dies before the table is published': ({ cluster, second }) => cluster.crash(second),
  'the controller dies before the table is published, and the next one calls it off': ({ cluster }) =>
    cluster.publish((_, row) => row),
  'the target dies before it is told the table': async ({ cluster, target, flip }) => {
    await flip(target);
    await cluster.crash(target);
  },
  'the source dies before it is told the table': async ({ cluster, source, flip }) => {
    await flip(source);
    await cluster.crash(source);
  },
  'the controller dies when only the target has been told the table': async ({
    cluster,
    source,
    second,
    flip,
  }) => {
    await flip(source, second);
    await cluster.tell();
  },
  'the source stands still while the table is published': async ({ cluster, source, flip }) => {
    source.child.kill('SIGSTOP');
    await flip(source);
    source.child.kill('SIGCONT');
    await cluster.tell();
  },
  'the target dies when it has the slots, and then the second owner': async ({
    cluster,
    target,
    second,
    flip,
  }) => {
    await flip();
    await cluster.crash(target);
    await cluster.settled();
    await cluster.crash(second);
  },
};

function all<T>(found: T | undefined): T {
  if (found === undefined) throw new Error('it is not there');
  return found;
}

for (const [what, cut] of Object.entries(CUTS)) {
  test(`${what}: nothing is lost`, async () => {
    await using cluster = await TestCluster.start(IDS);
    await using load = new Load(cluster, USERS, 5);
    await load.more(100);
    const processes = [...cluster.processes];
    const [source, second, target] = [all(processes[0]), all(processes[1]), all(processes[2])];
    const ofSecond = cluster
      .slotsOf(source)
      .filter((slot) => cluster.table.rows[slot]?.second === second.member.incarnation);
    const slots = await cluster.send(source, target, { slots: ofSecond, as: 'owner' });
    assert.ok(slots.length > SLOTS / 10, `${slots.length} slots were sent`);
    const flip: Stage['flip'] = (...not) => cluster.publish(moved(target, slots, 'owner'), not);
    await cut({ cluster, source, target, second, flip });
    await load.more(100);
    await load.end();
    await cluster.settled();
    const states = await Promise.all(cluster.processes.map((process) => cluster.state(process)));
    assert.equal(
      states.reduce((sum, { owned }) => sum + owned, 0),
      SLOTS,
      'each slot has one owner',
    );
    assert.deepEqual(
      states.flatMap(({ frozen }) => frozen),
      [],
    );
    await assertKept(cluster, load);
    assert.deepEqual(runTwice(processes.map(({ ran }) => ran)), []);
  });
}
