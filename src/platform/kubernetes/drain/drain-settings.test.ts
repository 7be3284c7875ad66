import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../app/failure.ts';
import { drainSettings } from './drain-settings.ts';

const env = {
  HOLDFAST_SERVICE: 'login',
  INSTANCE: 'login-a',
  HOLDFAST_ROUTERS: 'shop-routers',
  HOLDFAST_TOKEN_FILE: '/token',
  HOLDFAST_DRAIN: '10m',
};

test('what is told by the environment is read', () => {
  const { drain, ...rest } = drainSettings(env);
  assert.equal(drain, 600_000);
  assert.deepEqual(rest, {
    service: 'login',
    instance: 'login-a',
    routers: 'shop-routers',
    tokenFile: '/token',
    host: undefined,
  });
});

test('the variable that is missing or wrong is named', () => {
  for (const name of Object.keys(env))
    assert.throws(
      () => drainSettings({ ...env, [name]: '' }),
      new UserError(`The environment variable ${name} is missing`),
    );
  assert.throws(() => drainSettings({ ...env, HOLDFAST_DRAIN: 'soon' }), /HOLDFAST_DRAIN is "soon"/);
});
