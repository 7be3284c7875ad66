import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../app/failure.ts';
import { agentSettings } from './agent-settings.ts';

const least = { HOLDFAST_DATABASE_NAME: 'shop', HOLDFAST_ACCOUNTS_FOLDER: '/accounts' };

test('a name and a folder of accounts are enough', () => {
  assert.deepEqual(agentSettings({ ...least, HOLDFAST_DATA: '' }), {
    database: 'shop',
    memory: 134_217_728,
    accountsFolder: '/accounts',
    dataFolder: '/var/lib/holdfast/database',
    scratchFolder: '/var/run/holdfast',
    port: 3306,
    probePort: 8081,
    graceMs: 55_000,
  });
});

test('what is missing or wrong is named', () => {
  const wrong = [
    { HOLDFAST_DATABASE_NAME: '' },
    { HOLDFAST_ACCOUNTS_FOLDER: undefined },
    { HOLDFAST_DATABASE_MEMORY: '128Mi' },
    { HOLDFAST_DATABASE_PORT: '70000' },
    { HOLDFAST_PROBE_PORT: '0' },
    { HOLDFAST_GRACE: '5' },
  ];
  for (const change of wrong) {
    const [name = ''] = Object.keys(change);
    assert.throws(
      () => agentSettings({ ...least, ...change }),
      (error) => error instanceof UserError && error.message.includes(name),
    );
  }
});
