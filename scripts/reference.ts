/**
 * `npm run reference`: writes the reference pages from what they describe, the schema of the file and the
 * command line. A test fails when they are stale.
 */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { appJsonSchema } from '../src/app/json-schema.ts';
import { commandLine } from '../src/cli/command-line.ts';

interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
}

const GENERATED = '<!-- Written by `npm run reference`. -->';

/** The reference of `holdfast.yaml`, a line for each key. */
export function fileReference(): string {
  const rows = keys(appJsonSchema() as Schema, '').map(
    ({ path, schema, required }) => `| \`${path}\` | ${wordsFor(schema, required)} |`,
  );
  return [
    '# holdfast.yaml',
    GENERATED,
    '',
    'Durations are written `500ms`, `30s`, `10m`, `1h`; sizes `64Ki`, `10Mi`, `1Gi`; CPU `250m`, `"1"`.',
    'NAME stands for a name that you choose.',
    '',
    '| key | meaning |',
    '|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** The reference of the command line: the help of every verb. */
export function commandReference(): string {
  const nobody = { stdout: process.stdout, stderr: process.stderr, cwd: '/', env: {} };
  const idle = new AbortController().signal;
  const program = commandLine({ ...nobody, interrupted: idle, hurried: idle }, () => undefined);
  return ['# Command line', GENERATED, '', ...verbs(program, 'holdfast')].join('\n');
}

function verbs(command: Command, name: string): string[] {
  return command.commands.flatMap((verb) => {
    const full = `${name} ${verb.name()}`;
    if (verb.commands.length > 0) return verbs(verb, full);
    const help = verb.configureHelp({ helpWidth: 100 }).helpInformation().trimEnd();
    return [`## ${full}`, '', verb.description(), '', '```', help, '```', ''];
  });
}

interface Key {
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
}

function keys(schema: Schema, path: string): Key[] {
  const named = Object.entries(schema.properties ?? {}).flatMap(([name, child]): Key[] => {
    const here = path === '' ? name : `${path}.${name}`;
    return [
      { path: here, schema: child, required: schema.required?.includes(name) === true },
      ...keys(child, here),
    ];
  });
  const { additionalProperties: each, items } = schema;
  if (items !== undefined) return keys(items, `${path}[]`);
  return typeof each === 'object' ? [...named, ...keys(each, `${path}.NAME`)] : named;
}

function wordsFor(schema: Schema, required: boolean): string {
  const facts = [
    required ? 'Required.' : undefined,
    schema.enum === undefined
      ? undefined
      : `One of ${schema.enum.map((value) => `\`${String(value)}\``).join(', ')}.`,
    schema.minimum === undefined ? undefined : `From ${schema.minimum} to ${schema.maximum ?? 'any'}.`,
    isPlain(schema.default) ? `Default: \`${String(schema.default)}\`.` : undefined,
  ];
  return [schema.description, ...facts].filter((fact) => fact !== undefined).join(' ');
}

function isPlain(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

/** The pages by their files, relative to the repository. */
export function referencePages(): Record<string, string> {
  return {
    'docs/reference/holdfast-yaml.md': fileReference(),
    'docs/reference/command-line.md': commandReference(),
  };
}

if (import.meta.main)
  for (const [file, text] of Object.entries(referencePages()))
    writeFileSync(new URL(`../${file}`, import.meta.url), text);
