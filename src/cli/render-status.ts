/** The words for a status: one line a part, aligned, the same live and at rest. Pure. */
import { styleText } from 'node:util';
import type { InstanceStatus, ServiceStatus, Status } from '../controller/status.ts';

/** Whether to colour; a format is one that `styleText` knows. */
export type Paint = (format: Parameters<typeof styleText>[0], text: string) => string;

/** Colours where the stream shows them: a terminal, unless NO_COLOR says otherwise. */
export function painter(stream: NodeJS.WriteStream): Paint {
  return (format, text) => styleText(format, text, { stream });
}

/** The whole application, for `status`. @param now ms since the epoch */
export function renderStatus(status: Status, now: number, paint: Paint): string {
  const { database, migrations, router } = status;
  const lines = [
    `${paint('bold', status.name)}  ${paintState(status.state, paint)}  ${status.url ?? ''}`,
    '',
    ...(database.topology === 'none'
      ? []
      : [
          part(
            { name: 'database', text: `${database.topology}, ${database.address ?? ''}`, ...database },
            paint,
          ),
        ]),
    ...(migrations.state === 'none'
      ? []
      : [
          part(
            {
              name: 'migrations',
              text: `${migrations.applied} applied, ${migrations.pending} pending`,
              ...migrations,
            },
            paint,
          ),
        ]),
    part({ name: 'router', text: status.url ?? '', ...router }, paint),
    ...status.services.flatMap((service) => renderService(service, now, paint)),
  ];
  const waiting = status.waiting.filter(
    ({ part: about }) => !['database', 'migrations', 'router'].includes(about),
  );
  const waits = waiting.map(({ part: about, reason }) => paint('dim', `  ${about}: ${reason}`));
  return [...lines, ...(waits.length === 0 ? [] : ['', 'waits for', ...waits])].join('\n');
}

function renderService(service: ServiceStatus, now: number, paint: Paint): string[] {
  const kind = service.stateful ? `stateful, epoch ${service.epoch ?? 0}` : 'stateless';
  const state = service.ready >= service.wanted ? 'ready' : 'changing';
  return [
    '',
    `${paint('bold', service.name.padEnd(12))} ${paintState(state, paint)}  ${service.ready} of ${service.wanted} ready, ${kind}`,
    ...service.instances.map((instance) => renderInstance(instance, now, paint)),
  ];
}

function renderInstance(instance: InstanceStatus, now: number, paint: Paint): string {
  const facts = [
    instance.address,
    instance.pid === null ? undefined : `pid ${instance.pid}`,
    `for ${duration(now - instance.since)}`,
    instance.share === undefined ? undefined : `${(instance.share * 100).toFixed(1)} % of users`,
    instance.pinned === undefined ? undefined : `${instance.pinned} users left`,
    instance.leaveBy === undefined
      ? undefined
      : `ends in ${duration(Math.max(0, instance.leaveBy - now))} at the latest`,
    instance.failures > 0 ? `failed ${instance.failures} in a row` : undefined,
  ].filter((fact) => fact !== undefined);
  const problem =
    instance.problem === undefined ? '' : `\n      ${paint('yellow', indent(instance.problem))}`;
  return `  ${instance.id.padEnd(12)}${paintState(instance.state, paint)}  ${paint('dim', facts.join(', '))}${problem}`;
}

interface Part {
  readonly name: string;
  readonly state: string;
  readonly text: string;
  readonly problem?: string;
}

function part({ name, state, text, problem }: Part, paint: Paint): string {
  const words = problem === undefined ? '' : `\n      ${paint('yellow', indent(problem))}`;
  return `${name.padEnd(12)} ${paintState(state, paint)}  ${paint('dim', text)}${words}`;
}

function indent(text: string): string {
  return text.trimEnd().replaceAll('\n', '\n      ');
}

/** A state in its colour: green is well, red needs somebody, yellow is on its way. */
export function paintState(state: string, paint: Paint): string {
  if (['ready', 'applied', 'none'].includes(state)) return paint('green', state);
  return paint(['dead', 'failed', 'failing', 'held'].includes(state) ? 'red' : 'yellow', state);
}

/** `0.4 s`, `12 s`, `3 min`, `2 h`. */
export function duration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
