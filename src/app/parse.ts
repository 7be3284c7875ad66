/**
 * The text of a `holdfast.yaml` becomes an application, or all that is wrong with it. Pure: no file is
 * read, not even those that the text names.
 */
import { disagreements } from './agreement.ts';
import { UserError } from './failure.ts';
import { FileError, formatPath } from './file-error.ts';
import type { Problem } from './file-error.ts';
import type { Finding } from './finding.ts';
import type { App } from './model.ts';
import { badReferences } from './references.ts';
import { schemaFindings } from './schema-findings.ts';
import { appFileSchema } from './schema.ts';
import { toApp } from './to-app.ts';
import { readYaml } from './yaml-text.ts';
import type { YamlText } from './yaml-text.ts';

/**
 * The application that `text` describes. `fileName` is used in messages only.
 * Throws a `FileError` with every problem, in the order of the file.
 */
export function parseApp(text: string, fileName: string): App {
  const yaml = readYaml(text);
  const textProblems = yaml.problems.map((problem) => ({ file: fileName, path: '', ...problem }));
  if (yaml.data === undefined) throw new FileError(inOrder(textProblems));

  const { app, findings } = judge(yaml.data);
  const problems = [...textProblems, ...findings.map((finding) => locate(finding, yaml, fileName))];
  if (app === undefined || problems.length > 0) throw new FileError(inOrder(problems));
  return app;
}

/**
 * The application that plain data describes which is no text of a file, such as the spec of an App.
 * Throws a `UserError` with a line for each problem: `services.web.stop: expected ...`.
 */
export function appFromData(data: unknown): App {
  const { app, findings } = judge(data);
  if (app !== undefined && findings.length === 0) return app;
  const lines = findings.map(({ path, message }) => `${formatPath(path)}: ${message}`);
  throw new UserError([...new Set(lines)].join('\n'));
}

function judge(data: unknown): { app?: App; findings: readonly Finding[] } {
  const result = appFileSchema.safeParse(data);
  const findings = [
    ...(result.success ? [] : schemaFindings(result.error.issues, data)),
    ...disagreements(data),
    ...badReferences(data),
  ];
  return result.success && findings.length === 0 ? { app: toApp(result.data), findings } : { findings };
}

function locate(finding: Finding, yaml: YamlText, file: string): Problem {
  const { path, part, ...said } = finding;
  return { file, ...yaml.place(path, part), path: formatPath(path), ...said };
}

/** Sorted by place. Of several rules about one place the last speaks: what keys must agree on is more specific. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const places = problems.map(
    (problem) => [`${problem.line}:${problem.column} ${problem.path}`, problem] as const,
  );
  return [...new Map(places).values()].toSorted((a, b) => a.line - b.line || a.column - b.column);
}
