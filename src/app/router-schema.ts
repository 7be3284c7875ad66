/** The schema of the routes and of the router. */
import { z } from 'zod';
import { resources } from './resources-schema.ts';
import { group, objectName, text, wholeNumber } from './schema-terms.ts';

export const routePath = text('a path such as / or /login: letters, digits, ., _, ~, - and no / at the end', {
  // Each segment has a letter, a digit or _, so that none is a dot segment.
  pattern: /^\/$|^(\/[.~-]*[A-Za-z0-9_][A-Za-z0-9._~-]*)+$/,
  longest: 200,
});

const ingress = group('host, class, tls', {
  host: text('the name of a host such as shop.example', {
    pattern: /^(\*\.)?[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/,
    longest: 253,
  }).describe('The name under which users reach it.'),
  class: objectName('the name of an ingress class')
    .optional()
    .describe("The ingress class; without it the cluster's default."),
  tls: objectName('the name of a secret').optional().describe('The Secret with the certificate for `host`.'),
});

const tls = group('secret and more', {
  secret: objectName('the name of a secret').describe(
    'The secret with `tls.crt` and `tls.key`; on a machine files in `.holdfast/secrets/NAME`.',
  ),
  port: wholeNumber(0, 65_535)
    .default(8443)
    .describe('The port for HTTPS on a machine; 0 for any free one. A cluster has 443.'),
  nodePort: wholeNumber(1, 65_535)
    .optional()
    .describe('The port for HTTPS on each node of the cluster, for NodePort and LoadBalancer.'),
  redirect: z
    .boolean({ error: 'true or false' })
    .default(true)
    .describe('Whether users who come by HTTP are sent to HTTPS.'),
});

export const router = group('host, port and more', {
  host: text('an address or a host name', { pattern: /^[A-Za-z0-9.:-]+$/, longest: 253 })
    .default('127.0.0.1')
    .describe('The address that the router listens on, on a machine; 0.0.0.0 for all.'),
  port: wholeNumber(0, 65_535)
    .default(8080)
    .describe('The port that the router listens on, on a machine; 0 for any free one.'),
  instances: wholeNumber(1, 20).default(2).describe('How many routers there are on a cluster.'),
  service: z
    .enum(['ClusterIP', 'NodePort', 'LoadBalancer'], { error: 'ClusterIP, NodePort or LoadBalancer' })
    .default('ClusterIP')
    .describe('How the routers are reached on a cluster: the type of their Service.'),
  nodePort: wholeNumber(1, 65_535)
    .optional()
    .describe('The port on each node of the cluster, for NodePort and LoadBalancer.'),
  tls: tls.optional().describe('Lets the routers take HTTPS.'),
  ingress: ingress.optional().describe('An Ingress in front of the routers on a cluster.'),
  resources: resources.optional().describe('What one router takes of a node of the cluster.'),
});
