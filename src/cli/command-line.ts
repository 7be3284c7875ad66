/** The command line: which verbs there are, and what they are given. */
import { Command, InvalidArgumentError } from 'commander';
import { restart, scale, type ChangeOptions } from './change.ts';
import { controller } from './controller.ts';
import { doctor } from './doctor.ts';
import { down } from './down.ts';
import { explain, type ExplainOptions } from './explain.ts';
import { logs, type LogsOptions } from './logs.ts';
import { migrateRun, migrateStatus } from './migrate.ts';
import { status, type StatusOptions } from './status.ts';
import { up, type UpOptions } from './up.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';
import { init, schema } from './write-file.ts';
import { version } from './version.ts';

type Run<Options> = (context: VerbContext, options: Options, args: string[]) => Promise<number>;

/** The command line of Holdfast. `done` gets the exit code of the verb that ran. */
export function commandLine(context: VerbContext, done: (code: number) => void): Command {
  const program = new Command('holdfast')
    .description('Runs stateful applications so that no session, no schema and no transaction is lost.')
    .version(version())
    .exitOverride()
    .showSuggestionAfterError();
  const verb = <Options extends CommonOptions>(
    usage: string,
    about: string,
    run: Run<Options>,
    parent = program,
  ): Command =>
    parent
      .command(usage)
      .description(about)
      .option(
        '--app <path>',
        'the application: a folder or a file (default: the nearest holdfast.yaml upward)',
      )
      .option('--json', 'output for programs')
      .action(async (...parameters: unknown[]) => {
        const command = parameters.at(-1) as Command;
        done(await run(context, command.opts<Options>(), command.args));
      });

  verb<CommonOptions>('init', 'write a commented holdfast.yaml for this folder', (c, o) => init(o, c));
  verb('schema', 'print the JSON Schema of holdfast.yaml', (c) => schema(c));
  verb<UpOptions>(
    'up',
    'bring the application up, or bring a running one to what the file says now',
    (c, o) => up(o, c),
  )
    .option('-d, --detach', 'end once everything is up, and leave it running')
    .option('--dry-run', 'print the plan and do nothing');
  verb<CommonOptions>('down', 'end everything that runs; the data is kept', (c, o) => down(o, c));
  verb<StatusOptions>('status', 'show how everything is', (c, o) => status(o, c)).option(
    '-w, --watch',
    'again and again',
  );
  verb<LogsOptions>('logs', 'show the output of everything, a service or an instance', (c, o, [about]) =>
    logs(about, o, c),
  )
    .argument('[about]', 'a service, an instance, database, router or controller')
    .option('-f, --follow', 'go on with what is written from now on')
    .option('-n, --lines <number>', 'how many lines of each to begin with', count, 100);
  verb<ChangeOptions>('scale', 'change the number of instances', (c, o, wishes) => scale(wishes, o, c))
    .argument('<service=number...>', 'such as login=3')
    .option('--no-wait', 'ask for it and end');
  verb<ChangeOptions>(
    'restart',
    'replace each instance of a service by a new one, losing no request',
    (c, o, [service = '']) => restart(service, o, c),
  )
    .argument('<service>')
    .option('--no-wait', 'ask for it and end');
  verb<ExplainOptions>('explain', 'say which instance owns a user, and why', (c, o, [key = '']) =>
    explain(key, o, c),
  )
    .argument('<key>', 'what names the user, such as the value of the header')
    .option('--service <name>', 'needed when more than one service keeps sessions');
  verb<CommonOptions>('doctor', 'say what is missing on this machine, and how to get it', (c, o) =>
    doctor(o, c),
  );
  const migrate = program.command('migrate').description('the migrations of the database');
  verb<ChangeOptions>(
    'run',
    'apply what is pending, also after a failure',
    (c, o) => migrateRun(o, c),
    migrate,
  ).option('--no-wait', 'ask for it and end');
  verb<CommonOptions>(
    'status',
    'show what is applied and what is pending',
    (c, o) => migrateStatus(o, c),
    migrate,
  );
  verb<CommonOptions>('controller', 'run the application without a terminal', (c, o) => controller(o, c));
  return program;
}

function count(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('a whole number is expected');
  return Number(text);
}
