/**
 * What the keys of an App's spec must agree on, as far as the API server can say so at once, and what a
 * cluster asks for beyond the file. The controller judges the rest, in the App's conditions.
 */
import { LONGEST_NAMES } from '../../../app/agreement.ts';
import { GIVEN_VARIABLES, PART_NAMES } from '../../../app/service-schema.ts';
import type { Rule, RulesByPath } from './structural-schema.ts';

/** Objects are called by the application's name: two Apps of one namespace never mean the same ones. */
export const NAME_RULE: Rule = {
  rule: 'self.metadata.name == self.spec.name',
  message: 'metadata.name must be the name of the application, spec.name',
};

const ON_A_CLUSTER: Rule = {
  rule: '!has(self.from) && !has(self.file)',
  message: 'from and file are for a machine; on a cluster write { secret: NAME, key: KEY }',
};

/** By the path in the spec. */
export const SPEC_RULES: RulesByPath = {
  '': [
    {
      rule: `self.services.all(service, size(self.name) + size(service) <= ${LONGEST_NAMES})`,
      message: `the name of the application and that of a service have at most ${LONGEST_NAMES} characters together`,
    },
    {
      rule: 'has(self.routes) || size(self.services) == 1',
      message: 'routes: missing; with several services say which gets which path',
    },
    {
      rule: '!has(self.routes) || self.routes.all(path, self.routes[path] in self.services)',
      message: 'routes: each path must lead to one of the services',
    },
    {
      rule: '!has(self.migrations) || has(self.database)',
      message: 'migrations: there is no database beside it',
    },
  ],
  services: [
    {
      rule: `self.all(name, !(name in ${celList(PART_NAMES)}))`,
      message: `a service cannot be called ${PART_NAMES.join(', ')}, which are parts of every application`,
    },
  ],
  'services.*': [
    {
      rule: '!has(self.stateful) || !has(self.instances) || !has(self.instances.cpu) && !has(self.instances.memory)',
      message: 'instances: cpu and memory are for stateless services only',
    },
  ],
  'services.*.stateful': [
    {
      rule: "!has(self.handoff) || !self.handoff || !has(self.table) || self.table == 'steady'",
      message: 'table: with handoff it is steady, as a few slots move at a time',
    },
  ],
  'services.*.env': [
    {
      rule: `self.all(name, !(name in ${celList(GIVEN_VARIABLES)}))`,
      message: `${GIVEN_VARIABLES.join(', ')} are given by Holdfast itself`,
    },
  ],
  'services.*.env.*': [ON_A_CLUSTER],
  'services.*.instances': [
    {
      rule: '!has(self.max) || self.max >= (has(self.min) ? self.min : 2)',
      message: 'max is less than min, which is 2 by default',
    },
  ],
  router: [
    {
      rule: "!has(self.nodePort) || has(self.service) && self.service != 'ClusterIP'",
      message: 'nodePort: a ClusterIP has no port on the nodes; say service: NodePort',
    },
    {
      rule: "!has(self.tls) || !has(self.tls.nodePort) || has(self.service) && self.service != 'ClusterIP'",
      message: 'tls.nodePort: a ClusterIP has no port on the nodes; say service: NodePort',
    },
  ],
  database: [
    {
      rule: "(self.topology == 'external') == has(self.url)",
      message: 'url: topology external needs it, and no other has it',
    },
    {
      rule:
        "self.topology != 'external' || !(has(self.name) || has(self.memory) || has(self.storage) || " +
        'has(self.storageClass) || has(self.existingSecret) || has(self.resources))',
      message: 'with topology external the server is your own: only url can stand beside it',
    },
  ],
  'database.url': [ON_A_CLUSTER],
};

function celList(names: readonly string[]): string {
  return `[${names.map((name) => `'${name}'`).join(', ')}]`;
}
