/** Asking an instance over HTTP how it is. */
import { get } from 'node:http';

/** How long one answer may take, in ms. */
export const PROBE_TIMEOUT = 2_000;

/** Undefined when the path answers 2xx, otherwise what was wrong, for people. */
export async function probe(
  address: { host: string; port: number },
  path: string,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get({ ...address, path, agent: false, timeout: PROBE_TIMEOUT }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 300 ? undefined : `${path} answers ${status}`);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${PROBE_TIMEOUT / 1000} s`)));
    request.on('error', (error) => resolve(`${path}: ${error.message}`));
  });
}
