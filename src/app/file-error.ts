/** What is wrong with a `holdfast.yaml`: every problem at once, each with its place. */
import { UserError } from './failure.ts';

export interface Problem {
  /** As it is printed, not necessarily absolute. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** Keys from the top, joined by dots; empty for the whole file. */
  readonly path: string;
  readonly message: string;
  /** What would be right here, in words. */
  readonly expected: string;
  /** The valid name nearest to the wrong one. */
  readonly nearest?: string;
}

/** Thrown for a file that cannot be used. The message has a line for each problem, as editors can follow it. */
export class FileError extends UserError {
  /** In the order of the file; at least one. */
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/** `holdfast.yaml:7:5  services.login.instances.mni: unknown key; did you mean "min"?` */
export function formatProblem(problem: Problem): string {
  const subject = problem.path === '' ? '' : `${problem.path}: `;
  return `${problem.file}:${problem.line}:${problem.column}  ${subject}${problem.message}`;
}

/** Keys joined by dots; a key that could be misread, or disturb a terminal, stands in quotes. */
export function formatPath(path: readonly string[]): string {
  return path.map((key) => (/^[\w/~-]+$/.test(key) ? key : JSON.stringify(key))).join('.');
}
