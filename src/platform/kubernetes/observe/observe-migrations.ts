/** The Jobs of a set of migrations become an observation. Pure. */
import { defined } from '../../../app/defined.ts';
import { readNames, readReport, type JobReport } from '../../../migration/job-report.ts';
import type { ContractObservation, MigrationsObservation } from '../../observation.ts';
import { ANNOTATIONS } from '../objects/names.ts';
import { conditionOf, holds, time, type Job, type Pod } from './kinds.ts';
import { podProblem } from './pod-problem.ts';

export interface MigrationsInput {
  /** The wanted set; undefined without migrations. */
  readonly set: string | undefined;
  /** The set in force, whose contract is of interest; undefined without migrations. */
  readonly inForce: string | undefined;
  /** How many files it has, where that is known. */
  readonly files: number;
  readonly jobs: readonly Job[];
  readonly pods: readonly Pod[];
}

/** The label by which a Job's pods are found. */
const JOB_LABEL = 'batch.kubernetes.io/job-name';

export function observeMigrations(input: MigrationsInput): MigrationsObservation {
  const { set, files, pods } = input;
  const contract = defined({ contract: observeContract(input) });
  if (set === undefined) return { state: 'none', applied: 0, pending: 0, ...contract };
  const jobs = input.jobs.filter((job) => !isContract(job));
  const other = jobs.find((job) => setOf(job) !== set && !isFinished(job));
  if (other !== undefined)
    return { state: 'running', ...defined({ set: setOf(other) }), applied: 0, pending: files, ...contract };
  const job = jobs.find((candidate) => setOf(candidate) === set);
  return job === undefined
    ? { state: 'unknown', applied: 0, pending: files, ...contract }
    : { set, ...observeJob(job, files, pods), ...contract };
}

function observeJob(job: Job, files: number, pods: readonly Pod[]): Omit<MigrationsObservation, 'set'> {
  if (holds(job, 'Complete')) return { state: 'applied', applied: files, pending: 0 };
  return { applied: 0, pending: files, ...observeWork(job, pods) };
}

/** Of a Job that is not complete. */
function observeWork(
  job: Job,
  pods: readonly Pod[],
): { state: 'running'; progress?: string } | { state: 'held'; problem: string } {
  const words = lastWords(podsOf(job, pods));
  if (!holds(job, 'Failed')) return { state: 'running', ...defined({ progress: words }) };
  return { state: 'held', problem: words ?? conditionOf(job, 'Failed')?.message ?? 'the Job failed' };
}

/**
 * What the Jobs of the set in force tell. Where the pod with their last words is gone, the Job of the contract finds
 * out: it does nothing when there is nothing to do.
 */
function observeContract({ inForce: set, jobs, pods }: MigrationsInput): ContractObservation | undefined {
  if (set === undefined) return undefined;
  const own = jobs.filter((job) => setOf(job) === set);
  const job = own.find(isContract);
  const files = contractFiles(own, job, pods);
  if (job !== undefined && !holds(job, 'Complete'))
    return { set, files: files ?? [], ...observeWork(job, pods) };
  if (files === undefined) return { set, state: job === undefined ? 'unknown' : 'none', files: [] };
  if (files.length === 0) return { set, state: 'none', files };
  return { set, state: job === undefined ? 'pending' : 'applied', files };
}

/** As the Job that expands has told; or as it had when the Job of the contract was made. */
function contractFiles(
  jobs: readonly Job[],
  contract: Job | undefined,
  pods: readonly Pod[],
): readonly string[] | undefined {
  const told = jobs.filter((job) => job !== contract).map((job) => reportOf(job, pods));
  const later = told.find((report) => report !== undefined)?.later;
  return later ?? readNames(contract?.metadata.annotations?.[ANNOTATIONS.contracts]);
}

function reportOf(job: Job, pods: readonly Pod[]): JobReport | undefined {
  return podsOf(job, pods)
    .map((pod) => readReport(endOf(pod)?.message))
    .find((report) => report !== undefined);
}

function podsOf(job: Job, pods: readonly Pod[]): Pod[] {
  return pods.filter((pod) => pod.metadata.labels?.[JOB_LABEL] === job.metadata.name);
}

function isContract({ metadata }: Job): boolean {
  return metadata.annotations?.[ANNOTATIONS.phase] === 'contract';
}

/** A Job that has ended, one way or the other. */
export function isFinished(job: Job): boolean {
  return holds(job, 'Complete') || holds(job, 'Failed');
}

function setOf(job: Job): string | undefined {
  return job.metadata.annotations?.[ANNOTATIONS.template];
}

/** What the youngest pod that has something to say says. */
function lastWords(pods: readonly Pod[]): string | undefined {
  const created = (pod: Pod): number => time(pod.metadata.creationTimestamp) ?? 0;
  return pods
    .toSorted((a, b) => created(b) - created(a))
    .map(wordsOf)
    .find((words) => words !== undefined && words !== '' && readReport(words) === undefined);
}

function wordsOf(pod: Pod): string | undefined {
  return endOf(pod)?.message?.trim() ?? podProblem(pod, new Set())?.text;
}

function endOf(pod: Pod): { readonly message?: string } | undefined {
  return pod.status?.containerStatuses?.[0]?.state?.terminated;
}
