/** Bodies of the protocol's requests, bounded, and read as they come. */
import type { IncomingMessage } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { OperationError } from '../app/failure.ts';

/** The most that one import may have. */
export const BODY_BYTES = 64 * 1024 * 1024;

/** More than may be sent at once. */
export class TooMuchError extends OperationError {
  constructor() {
    super(`The body has more than ${BODY_BYTES} bytes`);
  }
}

/** @throws TooMuchError */
export async function readText(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of pieces(request)) text += piece;
  return text;
}

/** The lines, each parsed. @throws TooMuchError, or OperationError when a line is not JSON */
export async function* jsonLines(request: IncomingMessage): AsyncGenerator {
  let rest = '';
  for await (const piece of pieces(request)) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield parse(line);
  }
  if (rest !== '') yield parse(rest);
}

async function* pieces(request: IncomingMessage): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES) throw new TooMuchError();
    yield decoder.write(chunk);
  }
  yield decoder.end();
}

/** @throws OperationError */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new OperationError('A line or body is not JSON', { cause });
  }
}
