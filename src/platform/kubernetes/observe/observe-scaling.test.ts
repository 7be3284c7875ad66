import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appFromData } from '../../../app/parse.ts';
import { FULL } from '../../../../test/simulation/rendered.ts';
import type { ScalingObservation } from '../../observation.ts';
import type { HorizontalPodAutoscaler } from './kinds.ts';
import { observeScaling } from './observe-scaling.ts';

const APP = appFromData(FULL);

function seen(status: 'True' | 'False' | 'Unknown', message: string): ScalingObservation | undefined {
  const autoscaler: HorizontalPodAutoscaler = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'shop-pages' },
    status: { conditions: [{ type: 'ScalingActive', status, reason: 'SomeReason', message }] },
  };
  return observeScaling(APP, () => autoscaler)['pages'];
}

const UNABLE = 'failed to get cpu utilization: unable to fetch metrics from resource metrics API: ';

test('only services that are scaled by load are looked at', () => {
  assert.deepEqual(
    observeScaling(APP, () => undefined),
    { pages: { state: 'unknown' } },
  );
});

test('an autoscaler that gets figures is active, and one that has not tried says nothing', () => {
  assert.deepEqual(seen('True', 'the HPA was able to calculate a replica count'), { state: 'active' });
  assert.deepEqual(seen('Unknown', ''), { state: 'unknown' });
});

test('without a metrics server it says how to get one', () => {
  for (const why of [
    'the server could not find the requested resource (get pods.metrics.k8s.io)',
    'the server is currently unable to handle the request (get pods.metrics.k8s.io)',
  ])
    assert.match(
      seen('False', UNABLE + why)?.problem ?? '',
      /Install a metrics server: kubectl apply -f https/,
    );
});

test('what else keeps it from figures is told in its own words', () => {
  const words = 'no metrics returned from resource metrics API';
  assert.deepEqual(seen('False', words), { state: 'blind', problem: words });
});
