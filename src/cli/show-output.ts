/** What `up` shows once everything is up: the output of all parts with a prefix, and what happens to them. */
import { styleText } from 'node:util';
import type { RunningApplication } from './running-application.ts';
import { followLogs, type LogLine } from './log-reader.ts';
import type { VerbContext } from './verb-context.ts';

const COLOURS = ['cyan', 'magenta', 'blue', 'green', 'yellow'] as const;

/** Shows output and events until `quit` is aborted. */
export async function showOutput(
  logs: string,
  running: RunningApplication,
  { context, quit }: { context: VerbContext; quit: AbortSignal },
): Promise<void> {
  const write = (line: LogLine): void => {
    context.stdout.write(`${prefixed(line, context.stdout)}\n`);
  };
  const forget = running.onEvent((event) => {
    if (event.kind !== 'step') write({ id: 'holdfast', text: `${event.part}: ${event.text}` });
  });
  try {
    await followLogs(logs, (id) => id !== 'controller', write, quit);
  } finally {
    forget();
  }
}

/** `login-1      | text`, each source in a colour of its own. */
export function prefixed({ id, text }: LogLine, stream: NodeJS.WriteStream): string {
  const sum = Buffer.from(id).reduce((total, byte) => total + byte, 0);
  const colour = COLOURS[sum % COLOURS.length] ?? 'cyan';
  return `${styleText(colour, `${id.padEnd(12)} |`, { stream })} ${text}`;
}
