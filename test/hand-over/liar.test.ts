/** An instance that lies about the epoch that it knows, under load: its part goes to others, and nothing is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusWhen } from '../machine-services/support.ts';
import { assertNothingLost, everybodyServed, isWhole, pidOf, underLoad } from './notes-app.ts';

const USERS = 100;
const THINK_MS = 300;
/** Of honest changes; what the liar says is a thousand more each time. */
const MOST_EPOCHS = 500;

/** The second one takes long: that nobody takes any table is seen after 20 s. */
const LIES = ['newer', 'older'].slice(0, Number(process.env['HOLDFAST_LIES'] ?? 1));

for (const lie of LIES) {
  test(`an instance that says an epoch ${lie} than it knows is replaced, and takes part again when it says the truth`, async (t) => {
    await using scene = await underLoad({
      users: USERS,
      think: THINK_MS,
      service: 'lying-notes',
      env: { LIE: lie },
    });
    const { app, load } = scene;
    await app.must('scale', 'notes=3');
    await statusWhen(app, 'there are three', isWhole);
    const liar = pidOf(app, 'notes-3');
    const began = Date.now();
    process.kill(liar, 'SIGUSR2');
    const { services } = await statusWhen(app, 'others have what it had', ({ services: [service] }) => {
      const { copies, instances = [] } = service ?? {};
      const share = instances.find(({ id }) => id === 'notes-3')?.share;
      return share === 0 && copies?.alone === 0;
    });
    const replaced = Date.now();
    t.diagnostic(
      `replaced ${replaced - began} ms after it began to lie, ${load.failures.length} requests failed`,
    );
    assert.ok((services[0]?.epoch ?? Infinity) < MOST_EPOCHS, `epoch ${services[0]?.epoch}`);
    await everybodyServed(load, replaced);
    process.kill(liar, 'SIGUSR2');
    await statusWhen(app, 'it has a share again', (status) => {
      const share = status.services[0]?.instances.find(({ id }) => id === 'notes-3')?.share ?? 0;
      return isWhole(status) && share > 0.3;
    });
    assert.ok(
      load.failures.every(({ status }) => status === 503),
      JSON.stringify(load.failures),
    );
    await assertNothingLost(scene);
  });
}
