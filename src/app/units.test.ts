import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseCpu, parseDuration, parsePercent, parseSize } from './units.ts';

test('durations become milliseconds', () => {
  assert.deepEqual(
    ['500ms', '30s', '10m', '1h', '0s'].map(parseDuration),
    [500, 30_000, 600_000, 3_600_000, 0],
  );
});

test('sizes become bytes, with powers of 1024 or of 1000', () => {
  assert.deepEqual(
    ['64Ki', '10Mi', '1Gi', '64k', '10M', '1G'].map(parseSize),
    [65_536, 10_485_760, 1_073_741_824, 64_000, 10_000_000, 1_000_000_000],
  );
});

test('CPU becomes thousandths of a core, a percentage its number', () => {
  assert.deepEqual(['250m', '1', '1.5', '0.001', '64'].map(parseCpu), [250, 1_000, 1_500, 1, 64_000]);
  assert.deepEqual(['1%', '70%', '100%'].map(parsePercent), [1, 70, 100]);
  for (const text of ['', '1 ', '.5', '1.', '1.5m', '1e3', '-1', '1M', '1core', '0.0001'])
    assert.ok(Number.isNaN(parseCpu(text)), text);
  for (const text of ['', '70', '70 %', '7.5%', '-1%']) assert.ok(Number.isNaN(parsePercent(text)), text);
});

test('a text without a known unit is no quantity', () => {
  for (const text of ['', '10', 's', '1.5h', '-1s', '1 s', '10mi', '1d', '1e3s', '10Mi ', '٣s']) {
    assert.ok(Number.isNaN(parseDuration(text)), text);
    assert.ok(Number.isNaN(parseSize(text)), text);
  }
});

test('what has a unit of time is never a size', () => {
  fc.assert(
    fc.property(fc.nat({ max: 999_999_999 }), fc.constantFrom('ms', 's', 'm', 'h'), (count, unit) => {
      assert.ok(Number.isSafeInteger(parseDuration(`${count}${unit}`)));
      assert.ok(Number.isNaN(parseSize(`${count}${unit}`)));
    }),
  );
});
