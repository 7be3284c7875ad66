import { StringDecoder } from 'node:string_decoder';
import { OperationError } from '../../../app/failure.ts';

/** Longer than any object that etcd can hold; in characters. */
const LONGEST_LINE = 16 * 1024 * 1024;

/** The lines of a UTF-8 stream, however it is cut into pieces; empty ones and an unfinished last one are left out. */
export async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  const decoder = new StringDecoder('utf8');
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const [first = '', ...rest] = decoder.write(chunk).split('\n');
    pieces.push(first);
    length += first.length;
    for (const next of rest) {
      if (length > 0) yield pieces.join('');
      pieces = [next];
      length = next.length;
    }
    if (length > LONGEST_LINE) throw new OperationError('A line of the API server does not end');
  }
}
