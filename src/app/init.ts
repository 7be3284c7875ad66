/**
 * Writes the `holdfast.yaml` that a folder starts with. What is written can be used as it is, and so it
 * can with every example made real: a `#` right before a key marks an example, a `# ` before words a
 * comment. No example holds a secret.
 */
import { recognise } from './recognise.ts';
import type { AppGuess, FolderFacts, ServiceGuess } from './recognise.ts';

/** The text of a commented file for the folder with these facts; `parseApp` takes it. */
export function initFile(facts: FolderFacts): string {
  const guess = recognise(facts);
  const blocks = [
    HEADER + nameLine(guess),
    services(guess),
    routes(guess),
    database(guess),
    migrations(guess),
    ROUTER,
  ];
  return `${blocks.join('\n\n')}\n`;
}

const HEADER = `# The application, as Holdfast runs it: \`holdfast up\` starts all of it on this machine.
# Lines with a # right before a key are examples: take the # away to use them.
`;

const ROUTER = `# Where users reach it. The port 0 takes any free one.
#router:
#  host: 127.0.0.1
#  port: 8080

# How much output of each process is kept.
#logs: { size: 10Mi }`;

function nameLine(guess: AppGuess): string {
  return `name: ${scalar(guess.name)}`;
}

function services(guess: AppGuess): string {
  const [first, ...others] = guess.services;
  return ['services:', firstService(first), ...others.map(service)].join('\n');
}

function firstService(guess: ServiceGuess): string {
  return `${service(guess)}
    # /ready answers 2xx when an instance can take users, /live while it is alive.
    #health: { ready: /ready, live: /live, start: 30s }
    #env:
    #  LOG_LEVEL: { value: info }
    #  # A secret is never written here: this one is made at the first start and kept ...
    #  TOKEN_KEY: { generate: 32 }
    #  # ... and this one comes from the shell that calls \`holdfast up\`.
    #  MAIL_PASSWORD: { from: MAIL_PASSWORD }
    # For a service that keeps sessions in memory: each user always meets the same instance.
    #stateful:
    #  key: { header: x-user }
    #  idle: 15m
    #  drain: 10m
    #instances: { min: 2, max: 10 }`;
}

function service(guess: ServiceGuess): string {
  const comment =
    guess.run === undefined
      ? '# The command that starts one instance: put yours here. It listens on HOST:PORT from its environment.'
      : '# Starts one instance, which listens on HOST:PORT from its environment.';
  return `  ${scalar(guess.name)}:\n    ${comment}\n    run: ${scalar(guess.run ?? 'node main.js')}`;
}

function routes(guess: AppGuess): string {
  const [front, ...others] = guess.services;
  const lines = [...others.map(({ name }) => `  /${name}: ${scalar(name)}`), `  /: ${scalar(front.name)}`];
  const mark = others.length === 0 ? '#' : '';
  return [
    '# Which service gets the requests below a path; the longest path wins, and paths are passed on unchanged.',
    ...['routes:', ...lines].map((line) => mark + line),
  ].join('\n');
}

function database(guess: AppGuess): string {
  const mark = guess.hasDatabase ? '' : '#';
  return `# A MariaDB that Holdfast runs, with its data in .holdfast/; each service gets its URL as DATABASE_URL.
# For a server of your own: { topology: external, url: { from: DATABASE_URL } }
${mark}database:
${mark}  topology: single`;
}

function migrations(guess: AppGuess): string {
  const mark = guess.migrations === undefined ? '#' : '';
  return `# The folder with V1__name.sql, V2__name.sql, ...: applied once, in order, before the services start.
${mark}migrations:
${mark}  path: ${scalar(guess.migrations ?? './migrations')}`;
}

/** Plain where that is surely text; a JSON string is a YAML string too. */
function scalar(text: string): string {
  const isPlain = /^[A-Za-z./][\w ./=@-]*[\w./]$|^[A-Za-z]$/.test(text) && !WORDS_WITH_MEANING.test(text);
  return isPlain ? text : JSON.stringify(text);
}

const WORDS_WITH_MEANING = /^(true|false|null|yes|no|on|off|y|n|\.nan|\.inf)$/i;
