/** Which containers have output of interest, and what it is called. Pure. */
import { objectPath, RESOURCE_TYPES } from '../api/kube-object.ts';
import type { ContainerStatus, Pod } from '../observe/kinds.ts';

export interface LogSource {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** The pod's name; for a container beside its main one `POD/CONTAINER`. */
  readonly id: string;
  /** A service, or database, router, migrations. */
  readonly part: string;
  /** Its container has been started at least once. */
  readonly started: boolean;
  readonly running: boolean;
}

export interface LogLine {
  /** Of the source. */
  readonly id: string;
  readonly text: string;
}

/** What only copies files has nothing to say. */
const SILENT_CONTAINER = 'migration-files';
const PART_LABEL = 'app.kubernetes.io/name';

export function logSources({ metadata, status }: Pod): LogSource[] {
  const { name: pod, namespace = '', labels } = metadata;
  const source = (container: ContainerStatus, id: string): LogSource => ({
    namespace,
    pod,
    container: container.name,
    id,
    part: labels?.[PART_LABEL] ?? '',
    started: hasStarted(container),
    running: container.state?.running !== undefined,
  });
  const beside = status?.initContainerStatuses?.filter(({ name }) => name !== SILENT_CONTAINER) ?? [];
  return [
    ...beside.map((container) => source(container, `${pod}/${container.name}`)),
    ...(status?.containerStatuses ?? []).map((container) => source(container, pod)),
  ];
}

function hasStarted({ state, lastState }: ContainerStatus): boolean {
  return [state?.running, state?.terminated, lastState?.terminated].some((found) => found !== undefined);
}

/** @param about a part, a pod or a container of one; without it everything */
export function isAbout(source: LogSource, about: string | undefined): boolean {
  return about === undefined || [source.part, source.pod, source.id].includes(about);
}

/** Where the API server gives a container's output. */
export function logPath({ namespace, pod, container }: LogSource, query: Record<string, string>): string {
  const path = objectPath(RESOURCE_TYPES.Pod, { namespace, name: pod }, 'log');
  return `${path}?${new URLSearchParams({ container, ...query }).toString()}`;
}

/** A line as the API server gives it with `timestamps`. */
export interface StampedLine {
  /** RFC 3339 in nanoseconds, all of the same length: their order is that of time. */
  readonly at: string;
  readonly text: string;
}

export function stampedLine(line: string): StampedLine {
  const [, second, fraction = '', text] = /^(\S+?)(?:\.(\d+))?Z (.*)$/s.exec(line) ?? [];
  if (second === undefined) return { at: '', text: line };
  return { at: `${second}.${fraction.padEnd(9, '0')}Z`, text: text ?? '' };
}
