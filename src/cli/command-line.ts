/**
 * The command line: which verbs there are, and what they are given. Each verb's code is loaded when it is
 * called: the small processes beside every instance on a cluster need little of it.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ChangeOptions } from './change.ts';
import type { FollowOptions } from './cluster-follow.ts';
import type { ControllerOptions } from './controller.ts';
import type { DeployOptions } from './deploy.ts';
import type { ExplainOptions } from './explain.ts';
import type { LogsOptions } from './logs.ts';
import { addMigrate } from './migrate-commands.ts';
import type { RenderOptions } from './render.ts';
import type { SmokeOptions } from './smoke.ts';
import type { StatusOptions } from './status.ts';
import type { UpOptions } from './up.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';
import { version } from './version.ts';
import type { WaitOptions } from './wait.ts';

export type Run<Options> = (context: VerbContext, options: Options, args: string[]) => Promise<number>;

/** Adds a verb to a command. */
export type AddVerb = <Options extends CommonOptions>(
  usage: string,
  about: string,
  run: Run<Options>,
  parent?: Command,
) => Command;

/** For verbs that act on a cluster with `--context`, and on this machine without it. */
function onCluster(command: Command): Command {
  return command
    .option('--context <name>', 'act on the cluster of this context of the kubeconfig (. is the current one)')
    .option('--namespace <name>', "on a cluster: the namespace (default: the context's own)");
}

/** The command line of Holdfast. `done` gets the exit code of the verb that ran. */
export function commandLine(context: VerbContext, done: (code: number) => void): Command {
  const program = new Command('holdfast')
    .description('Runs stateful applications so that no session, no schema and no transaction is lost.')
    .version(version())
    .exitOverride()
    .showSuggestionAfterError();
  const add: AddVerb = (usage, about, run, parent = program) =>
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
        done(await run(context, command.opts(), command.args));
      });

  addWriting(add);
  addRunning(add);
  addChanging(add);
  addMigrating(add, program);
  addDeploying(add);
  addProving(add);
  addParts(add);
  return program;
}

function addWriting(add: AddVerb): void {
  add<CommonOptions>('init', 'write a commented holdfast.yaml for this folder', async (c, o) =>
    (await import('./write-file.ts')).init(o, c),
  );
  add('schema', 'print the JSON Schema of holdfast.yaml', async (c) =>
    (await import('./write-file.ts')).schema(c),
  );
}

function addRunning(add: AddVerb): void {
  add<UpOptions>(
    'up',
    'bring the application up, or bring a running one to what the file says now',
    async (c, o) => (await import('./up.ts')).up(o, c),
  )
    .option('-d, --detach', 'end once everything is up, and leave it running')
    .option('--dry-run', 'print the plan and do nothing');
  add<CommonOptions>('down', 'end everything that runs; the data is kept', async (c, o) =>
    (await import('./down.ts')).down(o, c),
  );
  onCluster(
    add<StatusOptions>('status', 'show how everything is', async (c, o) =>
      (await import('./status.ts')).status(o, c),
    ),
  ).option('-w, --watch', 'again and again');
  onCluster(
    add<LogsOptions>(
      'logs',
      'show the output of everything, a service or an instance',
      async (c, o, [about]) => (await import('./logs.ts')).logs(about, o, c),
    ),
  )
    .argument('[about]', 'a service, an instance, database, router, controller; on a cluster migrations too')
    .option('-f, --follow', 'go on with what is written from now on')
    .option('-n, --lines <number>', 'how many lines of each to begin with', count, 100);
}

function addChanging(add: AddVerb): void {
  onCluster(
    add<ChangeOptions>('scale', 'change the number of instances', async (c, o, wishes) =>
      (await import('./change.ts')).scale(wishes, o, c),
    ),
  )
    .argument('<service=number...>', 'such as login=3')
    .option('--no-wait', 'ask for it and end');
  onCluster(
    add<ChangeOptions>(
      'restart',
      'replace each instance of a service by a new one, losing no request',
      async (c, o, [service = '']) => (await import('./change.ts')).restart(service, o, c),
    ),
  )
    .argument('<service>')
    .option('--no-wait', 'ask for it and end');
  onCluster(
    add<ExplainOptions>('explain', 'say which instance owns a user, and why', async (c, o, [key = '']) =>
      (await import('./explain.ts')).explain(key, o, c),
    ),
  )
    .argument('<key>', 'what names the user, such as the value of the header')
    .option('--service <name>', 'needed when more than one service keeps sessions')
    .option(
      '--if <change>',
      'what would move if an instance were added (+1) or removed (-login-2); may be given again',
      (change: string, before: readonly string[] | undefined) => [...(before ?? []), change],
    );
  onCluster(
    add<CommonOptions>(
      'doctor',
      'say what is missing on this machine or a cluster, and how to get it',
      async (c, o) => (await import('./doctor.ts')).doctor(o, c),
    ),
  );
}

function addMigrating(add: AddVerb, program: Command): void {
  addMigrate(program.command('migrate').description('the migrations of the database'), add, onCluster);
}

/** What brings an application to a cluster, and from one version to another. */
function addDeploying(add: AddVerb): void {
  following(
    add<DeployOptions>('deploy', 'bring what the file says to a cluster, and follow it', async (c, o) =>
      (await import('./deploy.ts')).deploy(o, c),
    ),
  )
    .option('--create-namespace', 'make the namespace if it is not there')
    .option('--force', 'overrule what others (Helm, kubectl) have set otherwise');
  onCluster(
    add<CommonOptions>(
      'diff',
      'say what deploy would change; exits 0 for nothing, 1 for differences, 2 when it could not be told',
      async (c, o) => (await import('./diff.ts')).diff(o, c),
    ),
  );
  add<RenderOptions>('render', 'print what deploy would send, without a cluster', async (c, o) =>
    (await import('./render.ts')).render(o, c),
  )
    .option('--namespace <name>', 'the namespace', 'default')
    .option('--objects', 'print all that the controller makes of it instead; values of Secrets are left out');
  following(
    add<FollowOptions>('release', 'change images on a cluster, and follow it', async (c, o, changes) =>
      (await import('./release.ts')).release(changes, o, c),
    ),
  ).argument(
    '<service=image...>',
    'such as login=registry.example/login:2; migrations=IMAGE is possible too',
  );
  following(
    add<FollowOptions>('rollback', 'go back to what was ready before, on a cluster', async (c, o) =>
      (await import('./release.ts')).rollback(o, c),
    ),
  );
}

function following(command: Command): Command {
  return onCluster(command)
    .option('--timeout <time>', 'how long it is followed', '1h')
    .option('--no-wait', 'ask for it and end');
}

/** What shows whether an application works; also for Jobs in a cluster. */
function addProving(add: AddVerb): void {
  add<SmokeOptions>('smoke', 'send the smoke requests of the file, and check the answers', async (c, o) =>
    (await import('./smoke.ts')).smoke(o, c),
  )
    .option('--url <url>', 'where the application is (default: the one that runs on this machine)')
    .option('--timeout <time>', 'how long to try while nobody answers', '30s');
  onCluster(
    add<WaitOptions>('wait', 'wait until an App is ready; in a pod without a context', async (c, o) =>
      (await import('./wait.ts')).wait(o, c),
    ),
  )
    .requiredOption('--app-resource <name>', 'the name of the App')
    .option('--timeout <time>', 'how long to wait', '10m');
}

/** The long-running parts, which other verbs or a cluster start. */
function addParts(add: AddVerb): void {
  add<ControllerOptions>('controller', 'run the application without a terminal', async (c, o) =>
    (await import('./controller.ts')).controller(o, c),
  ).addOption(new Option('--cluster', 'look after all applications of the cluster, in a pod of it'));
  add<CommonOptions>('router', 'run one router, in a pod of a cluster', async (c, o) =>
    (await import('./router.ts')).router(o, c),
  );
  add<CommonOptions>('agent', 'run the database, in its pod of a cluster', async (c, o) =>
    (await import('./agent.ts')).agent(o, c),
  );
  add<CommonOptions>(
    'drain',
    'hold the end of a pod back until its users have left, in a pod of a cluster',
    async (c, o) => (await import('./drain.ts')).drain(o, c),
  );
}

function count(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('a whole number is expected');
  return Number(text);
}
