/** The words for a status: one line a part, aligned, the same live and at rest. Pure. */
import { styleText } from 'node:util';
import type { ContractStatus } from '../controller/contract.ts';
import type { InstanceStatus, ServiceStatus } from '../controller/status.ts';
import type { ShownStatus } from './shown-status.ts';

/** Whether to colour; a format is one that `styleText` knows. */
export type Paint = (format: Parameters<typeof styleText>[0], text: string) => string;

/** Colours where the stream shows them: a terminal, unless NO_COLOR says otherwise. */
export function painter(stream: NodeJS.WriteStream): Paint {
  return (format, text) => styleText(format, text, { stream });
}

/** The whole application, for `status`. @param now ms since the epoch */
export function renderStatus(status: ShownStatus, now: number, paint: Paint): string {
  const { database, migrations, router } = status;
  const lines = [
    `${paint('bold', status.name)}  ${paintState(status.state, paint)}  ${status.url ?? ''}`,
    ...(status.problem === undefined ? [] : [`  ${paint('yellow', indent(status.problem, 2))}`]),
    '',
    ...(database.topology === 'none'
      ? []
      : [
          part(
            { name: 'database', text: `${database.topology}, ${database.address ?? ''}`, ...database },
            paint,
          ),
        ]),
    ...renderMigrations(migrations, paint),
    part({ name: 'router', text: status.url ?? '', ...router }, paint),
    ...status.services.flatMap((service) => renderService(service, now, paint)),
  ];
  const waiting = status.waiting.filter(
    ({ part: about }) => !['database', 'migrations', 'router'].includes(about),
  );
  const waits = waiting.map(({ part: about, reason }) => paint('dim', `  ${about}: ${reason}`));
  return [...lines, ...(waits.length === 0 ? [] : ['', 'waits for', ...waits])].join('\n');
}

function renderMigrations(migrations: ShownStatus['migrations'], paint: Paint): string[] {
  if (migrations.state === 'none') return [];
  const files = part({ name: 'migrations', text: countsOf(migrations), ...migrations }, paint);
  const { contract } = migrations;
  if (contract === undefined) return [files];
  return [files, renderContract(contract, paint)];
}

function renderContract({ state, files, reason }: ContractStatus, paint: Paint): string {
  const names = files.join(', ');
  if (state === 'held') return part({ name: 'contract', state, text: names, problem: reason }, paint);
  return part({ name: 'contract', state, text: names === '' ? reason : `${names}: ${reason}` }, paint);
}

function renderService(service: ServiceStatus, now: number, paint: Paint): string[] {
  const kind = service.stateful ? `stateful, epoch ${service.epoch ?? 0}` : 'stateless';
  const state = service.ready >= service.wanted ? 'ready' : 'changing';
  const width = Math.max(12, ...service.instances.map(({ id }) => id.length + 2));
  return [
    '',
    `${paint('bold', service.name.padEnd(12))} ${paintState(state, paint)}  ${service.ready} of ${service.wanted} ready, ${kind}`,
    ...renderCopies(service).map((line) => paint('yellow', line)),
    ...service.instances.map((instance) => renderInstance(instance, { now, paint, width })),
  ];
}

/** One line, when not every session is at two instances. */
function renderCopies({ copies }: ServiceStatus): string[] {
  if (copies === undefined) return [];
  const { alone, incomplete, pending, silent } = copies;
  const facts = [
    alone === 0 ? undefined : `${alone} slots without a second owner`,
    incomplete === 0 ? undefined : `${incomplete} slots being copied`,
    pending === 0 ? undefined : `${pending} changes on their way`,
    silent.length === 0 ? undefined : `no answer from ${silent.join(', ')}`,
  ].filter((fact) => fact !== undefined);
  return facts.length === 0 ? [] : [`  copies: ${facts.join(', ')}`];
}

interface InstanceView {
  readonly now: number;
  readonly paint: Paint;
  /** Of the column of names. */
  readonly width: number;
}

function renderInstance(instance: InstanceStatus, { now, paint, width }: InstanceView): string {
  const facts = [
    instance.address,
    instance.pid === null ? undefined : `pid ${instance.pid}`,
    instance.node === undefined ? undefined : `on ${instance.node}`,
    `for ${duration(now - instance.since)}`,
    instance.share === undefined ? undefined : `${(instance.share * 100).toFixed(1)} % of users`,
    instance.warm === undefined ? undefined : `warms up, ${Math.round(instance.warm * 100)} % of its share`,
    sessionWords(instance),
    instance.leaveBy === undefined
      ? undefined
      : `ends in ${duration(Math.max(0, instance.leaveBy - now))} at the latest`,
    instance.failures > 0 ? `failed ${instance.failures} in a row` : undefined,
  ].filter((fact) => fact !== undefined);
  const problem =
    instance.problem === undefined ? '' : `\n      ${paint('yellow', indent(instance.problem))}`;
  return `  ${instance.id.padEnd(width)}${paintState(instance.state, paint)}  ${paint('dim', facts.join(', '))}${problem}`;
}

function sessionWords({ sessions, pinned }: InstanceStatus): string | undefined {
  if (pinned !== undefined) return `${pinned} users left`;
  return sessions === undefined ? undefined : `${sessions} ${sessions === 1 ? 'session' : 'sessions'}`;
}

/** How many there are is not known where they come from an image. */
function countsOf({ applied, pending }: ShownStatus['migrations']): string {
  return applied + pending === 0 ? '' : `${applied} applied, ${pending} pending`;
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

function indent(text: string, by = 6): string {
  return text.trimEnd().replaceAll('\n', `\n${' '.repeat(by)}`);
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
