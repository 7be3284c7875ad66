/** Findings as people read them, and as GitHub shows them beside the lines of a change. Pure. */

import type { Finding } from './finding.ts';
import type { LintReport } from './lint-migrations.ts';

/** Lines for people. */
export function describeReport({ findings, unchecked, statements }: LintReport): string[] {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const lines = findings.flatMap((finding) => [
    `${finding.file}:${finding.line}: ${finding.severity} ${finding.rule}: ${finding.message}`,
    `    ${finding.statement}`,
    ...finding.uses.map((use) => `    - ${describeUse(use)}`),
    finding.allowed === undefined ? `    instead: ${finding.rewrite}` : `    allowed: ${finding.allowed}`,
  ]);
  const open = unchecked.length === 0 ? [] : ['not checked:', ...unchecked.map((text) => `    ${text}`)];
  const summary = `${counted(statements, 'statement')}: ${counted(errors, 'error')}, ${counted(findings.length - errors, 'warning')}`;
  return [...lines, ...open, summary];
}

function describeUse({ statement, seen, what, until }: Finding['uses'][number]): string {
  const by = seen === undefined ? '' : ` (sent by ${seen.join(', ')})`;
  return `${statement}${by}: ${what}${until === undefined ? '' : ` (until ${until} has run)`}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/**
 * Workflow commands, one for each finding and one for all that was not checked; `folder` is the migrations' path in the repository. See
 * https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
 */
export function githubAnnotations(folder: string, { findings, unchecked }: LintReport): string[] {
  const open = unchecked.length === 0 ? [] : [`::notice title=not checked::${escaped(unchecked.join('\n'))}`];
  const found = findings.map((finding) => {
    const { severity, rule, message, uses, rewrite, allowed } = finding;
    const text = [
      message,
      ...uses.map(describeUse),
      allowed === undefined ? `instead: ${rewrite}` : `allowed: ${allowed}`,
    ];
    const file = property(`${folder.replace(/\/$/, '')}/${finding.file}`);
    return `::${severity} file=${file},line=${finding.line},title=${property(rule)}::${escaped(text.join('\n'))}`;
  });
  return [...found, ...open];
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
