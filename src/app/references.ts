/**
 * The references between the variables of services, `{ service: login, key: TOKEN_KEY }`: each leads to
 * a variable that exists, and following them always comes to an end. A variable has at most one
 * reference, so a cycle is found by walking on until a variable repeats.
 */
import { unknownService } from './agreement.ts';
import type { Finding } from './finding.ts';
import { nearestName } from './nearest-name.ts';
import { entriesOf, keysOf, valueAt } from './raw-value.ts';

interface Variable {
  readonly service: string;
  readonly name: string;
}

/** Findings about references in the plain data of a file, in the order of its services. */
export function badReferences(data: unknown): Finding[] {
  const variables = entriesOf(valueAt(data, 'services')).flatMap(([service, content]) =>
    keysOf(valueAt(content, 'env')).map((name) => ({ service, name })),
  );
  return variables.flatMap((variable) => deadEnd(data, variable)).concat(cycles(data, variables));
}

/** The variable that `variable` refers to; undefined if it has a source of its own. */
function target(data: unknown, variable: Variable): Variable | undefined {
  const service = valueAt(data, ...pathOf(variable), 'service');
  const key = valueAt(data, ...pathOf(variable), 'key') ?? variable.name;
  return typeof service === 'string' && typeof key === 'string' ? { service, name: key } : undefined;
}

function deadEnd(data: unknown, variable: Variable): Finding[] {
  const to = target(data, variable);
  if (to === undefined) return [];
  const services = keysOf(valueAt(data, 'services'));
  if (!services.includes(to.service)) {
    return [unknownService([...pathOf(variable), 'service'], to.service, services)];
  }
  const names = keysOf(valueAt(data, 'services', to.service, 'env'));
  return names.includes(to.name) ? [] : [unknownVariable(data, variable, to, names)];
}

function unknownVariable(data: unknown, variable: Variable, to: Variable, names: readonly string[]): Finding {
  const hasKey = valueAt(data, ...pathOf(variable), 'key') !== undefined;
  const nearest = nearestName(to.name, names);
  const expected = names.length === 0 ? `a variable in env of ${to.service}` : `one of ${names.join(', ')}`;
  const hint = nearest === undefined ? `expected ${expected}` : `did you mean "${nearest}"?`;
  return {
    path: [...pathOf(variable), hasKey ? 'key' : 'service'],
    part: 'value',
    message: `the service ${to.service} has no variable ${JSON.stringify(to.name)} in its env; ${hint}`,
    expected,
    ...(nearest === undefined ? {} : { nearest }),
  };
}

function cycles(data: unknown, variables: readonly Variable[]): Finding[] {
  const seen = new Set<string>();
  return variables.flatMap((start) => {
    const walk = walkFrom(data, start, seen);
    const repeated = walk.at(-1);
    if (repeated === undefined) return [];
    const round = walk.slice(walk.findIndex((step) => format(step) === format(repeated)));
    const message = `the references go round in a circle: ${round.map(format).join(' -> ')}`;
    return [
      { path: pathOf(repeated), part: 'value', message, expected: 'one variable of them with a value' },
    ];
  });
}

/** The variables from `start` to the first that repeats; empty if the walk ends or meets an earlier one. */
function walkFrom(data: unknown, start: Variable, seen: Set<string>): Variable[] {
  const walk: Variable[] = [];
  const own = new Set<string>();
  for (let step: Variable | undefined = start; step !== undefined; step = target(data, step)) {
    walk.push(step);
    if (own.has(format(step))) return walk;
    if (seen.has(format(step))) return [];
    own.add(format(step));
    seen.add(format(step));
  }
  return [];
}

function pathOf(variable: Variable): string[] {
  return ['services', variable.service, 'env', variable.name];
}

function format(variable: Variable): string {
  return `${variable.service}.${variable.name}`;
}
