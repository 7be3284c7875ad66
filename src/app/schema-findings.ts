/**
 * Turns what Zod found into findings in the words of the product. Each `error` in the schema says what
 * was expected; what was found comes from the data. What merely follows from another finding is left
 * out: a missing `run` when `rnu` is there, a missing source when its name is misspelt.
 */
import type { z } from 'zod';
import type { Finding } from './finding.ts';
import { knownKeys } from './json-schema.ts';
import { nearestName } from './nearest-name.ts';
import { notBuiltYet } from './not-built.ts';
import { describeFound, valueAt } from './raw-value.ts';

type Issue = z.core.$ZodIssue;

/** Findings for the issues of `appFileSchema` about `data`, without repetition. */
export function schemaFindings(issues: readonly Issue[], data: unknown): Finding[] {
  const findings = issues.flatMap((issue) => explain(issue, data));
  const unknown = findings.filter((finding) => finding.part === 'key');
  return findings.filter((finding) => !unknown.some((cause) => follows(finding, cause)));
}

function explain(issue: Issue, data: unknown): Finding[] {
  const path = issue.path.map(String);
  const found = valueAt(data, ...path);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key));
  if (issue.code === 'invalid_key') return [wrongKey(path, issue.issues[0]?.message ?? issue.message)];
  if (issue.code === 'invalid_value') {
    return [wrongChoice({ path, expected: issue.message, choices: issue.values.map(String), found })];
  }
  return [wrongValue(path, issue.message, found)];
}

function unknownKey(parent: readonly string[], key: string): Finding {
  const path = [...parent, key];
  const names = knownKeys(parent);
  const expected = `one of ${names.join(', ')}`;
  const later = notBuiltYet(path);
  const nearest = later === undefined ? nearestName(key, names) : later.instead;
  const hint = nearest === undefined ? `expected ${expected}` : `did you mean "${nearest}"?`;
  const message = later?.message ?? `unknown key; ${hint}`;
  return { path, part: 'key', message, expected, ...(nearest === undefined ? {} : { nearest }) };
}

function wrongKey(path: readonly string[], expected: string): Finding {
  return { path, part: 'key', message: `this name cannot be used; expected ${expected}`, expected };
}

function wrongChoice(wrong: {
  path: readonly string[];
  expected: string;
  choices: readonly string[];
  found: unknown;
}): Finding {
  const { path, expected, choices, found } = wrong;
  const later = notBuiltYet(path, found);
  const nearest = later?.instead ?? (typeof found === 'string' ? nearestName(found, choices) : undefined);
  if (nearest === undefined) return wrongValue(path, expected, found);
  const message =
    later?.message ??
    `expected ${expected}, found ${describeFound(found, false)}; did you mean "${nearest}"?`;
  return { path, part: 'value', message, expected, nearest };
}

function wrongValue(path: readonly string[], expected: string, found: unknown): Finding {
  return { path, part: 'value', message: wrongValueMessage(path, expected, found), expected };
}

function wrongValueMessage(path: readonly string[], expected: string, found: unknown): string {
  if (found === null && path.length === 0) return `the file is empty; expected ${expected}`;
  if (found === undefined) return `missing; expected ${expected}`;
  return `expected ${expected}; found ${describeFound(found, mayBeSecret(path))}`;
}

/** Values of variables, the database's URL, headers and bodies are never shown. */
function mayBeSecret(path: readonly string[]): boolean {
  const [top, second, third] = path;
  if (top === 'smoke') return third === 'headers' || third === 'body';
  return (top === 'services' && third === 'env') || (top === 'database' && second === 'url');
}

/** Whether `finding` would go away if the wrong key `cause` were mended. */
function follows(finding: Finding, cause: Finding): boolean {
  if (finding.part === 'key') return false;
  const parent = cause.path.slice(0, -1);
  const lacksWhatWasMeant = cause.nearest !== undefined && samePath(finding.path, [...parent, cause.nearest]);
  return samePath(finding.path, parent) || (lacksWhatWasMeant && finding.message.startsWith('missing'));
}

function samePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index]);
}
