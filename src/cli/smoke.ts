/** `smoke`: sends the requests of the file, and checks that each gets the right answer. */
import { defined } from '../app/defined.ts';
import { UserError } from '../app/failure.ts';
import { loadApp } from '../app/load.ts';
import type { SmokeRequest } from '../app/model.ts';
import { smoke as smokeSchema } from '../app/smoke-schema.ts';
import type { Status } from '../controller/status.ts';
import { durationOf } from './duration-option.ts';
import { EXIT_FAILED, print, printJson } from './output.ts';
import { painter } from './render-status.ts';
import { sendSmokeRequest, type SmokeResult } from './smoke-request.ts';
import { controlOf, requireRunning, type CommonOptions, type VerbContext } from './verb-context.ts';

export interface SmokeOptions extends CommonOptions {
  /** Where users reach the application; without it the one that runs on this machine. */
  readonly url?: string;
  /** For how long it is tried while nobody answers, such as `30s`. */
  readonly timeout: string;
}

/** Instead of those of the file, as JSON. */
const REQUESTS = 'HOLDFAST_SMOKE';

/** @returns 0 when each answer is the right one, 1 otherwise */
export async function smoke(options: SmokeOptions, context: VerbContext): Promise<number> {
  const limit = AbortSignal.timeout(durationOf('--timeout', options.timeout));
  const requests = await requestsOf(options, context);
  const url = await urlOf(options, context);
  const signal = AbortSignal.any([limit, context.interrupted]);
  const results: SmokeResult[] = [];
  for (const request of requests) {
    const result = await sendSmokeRequest(url, request, signal);
    results.push(result);
    if (options.json !== true) print(context, rendered(result, context));
  }
  if (options.json === true) printJson(context, results);
  return results.every(({ ok }) => ok) ? 0 : EXIT_FAILED;
}

async function requestsOf(
  options: CommonOptions,
  { env, cwd }: VerbContext,
): Promise<readonly SmokeRequest[]> {
  const text = env[REQUESTS];
  const requests = text === undefined ? (await loadApp(options.app, cwd)).app.smoke : parsed(text);
  if (requests.length > 0) return requests;
  throw new UserError('the file has no `smoke` requests: write some, such as smoke: [{ path: / }]');
}

function parsed(text: string): SmokeRequest[] {
  try {
    return smokeSchema
      .parse(JSON.parse(text))
      .map(({ body, ...request }) => ({ ...request, ...defined({ body }) }));
  } catch (cause) {
    throw new UserError(`${REQUESTS} is no list of requests as the file has under \`smoke\``, { cause });
  }
}

async function urlOf({ url, ...options }: SmokeOptions, context: VerbContext): Promise<string> {
  const found = url ?? (await runningUrl(options, context));
  if (URL.canParse(found) && /^https?:/.test(found)) return found;
  throw new UserError(`--url is a URL such as http://127.0.0.1:8080, not "${found}"`);
}

async function runningUrl(options: CommonOptions, context: VerbContext): Promise<string> {
  const client = await controlOf(options, context);
  const status = (await client.get('/status').catch(requireRunning)) as Status | null;
  if (typeof status?.url === 'string') return status.url;
  throw new UserError('the application has no URL yet; try again in a moment');
}

function rendered({ ok, method, path, found, expected }: SmokeResult, { stdout }: VerbContext): string {
  const paint = painter(stdout);
  const mark = ok ? paint('green', '✔') : paint('red', '✘');
  return `${mark} ${method} ${path}  ${found}${ok ? '' : `, expected ${expected}`}`;
}
