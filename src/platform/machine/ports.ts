/**
 * Ports for instances: below the range from which the kernel takes outgoing ones, so that nobody else
 * is given one between the moment it is chosen and the moment its process listens.
 */
import { createServer } from 'node:net';
import { OperationError } from '../../app/failure.ts';

const FIRST = 20_000;
const COUNT = 10_000;

/** A port that is free now and not in `reserved`. `start` spreads applications of one machine. */
export async function choosePort(
  host: string,
  reserved: ReadonlySet<number>,
  start: number,
): Promise<number> {
  for (let tried = 0; tried < COUNT; tried++) {
    const port = FIRST + ((start + tried) % COUNT);
    if (!reserved.has(port) && (await isFree(host, port))) return port;
  }
  throw new OperationError(`no free port between ${FIRST} and ${FIRST + COUNT - 1} on ${host}`);
}

/** Whether a listener could be opened there now. */
export async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
