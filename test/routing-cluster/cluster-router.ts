/** Routers as they run in pods, with addresses of the loopback network, a real HAProxy each, and a fake API. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runRouter } from '../../src/platform/kubernetes/router/run-router.ts';
import { HaproxyRouter } from '../../src/routing/haproxy-router.ts';
import { routerState, TOKEN_HEADER, type RouterState } from '../../src/routing/router-state.ts';
import { RuntimeSocket } from '../../src/routing/runtime-socket.ts';
import { APP, type FakeApi } from './fake-api.ts';

export const TOKEN = 'internal';
/** One that another has just been started for waits 5 s for that one, see `untilPinsSurvive`. */
const READY_WITHIN_MS = 30_000;

export interface RouterAt {
  readonly name: string;
  /** An address of the loopback network; ports are those of a pod. */
  readonly host: string;
  readonly api: FakeApi;
  /** How long it goes on serving when it is to end; s. */
  readonly grace?: string;
}

export class ClusterRouter {
  readonly name: string;
  readonly host: string;
  readonly runtime: RuntimeSocket;
  readonly router: HaproxyRouter;
  readonly lines: string[];
  readonly #folder: string;
  readonly #interrupted = new AbortController();
  readonly #hurried = new AbortController();
  readonly #run: Promise<void>;

  private constructor({ name, host, api, grace = '0s' }: RouterAt, folder: string) {
    this.name = name;
    this.host = host;
    this.#folder = folder;
    this.runtime = new RuntimeSocket(join(folder, 'router.sock'));
    this.router = new HaproxyRouter(this.runtime);
    this.lines = [];
    const settings = {
      app: APP,
      namespace: 'default',
      name,
      address: host,
      host,
      tokenFile: join(folder, 'token'),
      folder,
      grace: Number.parseFloat(grace) * 1_000,
      searchPath: process.env['PATH'] ?? '',
    };
    this.#run = runRouter({
      settings,
      watch: api.watch,
      log: (text) => this.lines.push(text),
      interrupted: this.#interrupted.signal,
      hurried: this.#hurried.signal,
    });
    this.#run.catch(() => undefined);
  }

  /** Starts one; it may not be ready for a while. */
  static async start(at: RouterAt): Promise<ClusterRouter> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-router-'));
    await writeFile(join(folder, 'token'), `${TOKEN}\n`);
    return new ClusterRouter(at, folder);
  }

  get tokenFile(): string {
    return join(this.#folder, 'token');
  }

  async isReady(): Promise<boolean> {
    const answer = await fetch(`http://${this.host}:8081/ready`).catch(() => undefined);
    return answer?.status === 200;
  }

  async untilReady(): Promise<this> {
    const limit = AbortSignal.timeout(READY_WITHIN_MS);
    while (!(await this.isReady())) {
      if (limit.aborted) throw new Error(`${this.name} is not ready; it said: ${this.lines.join('\n')}`);
      await delay(20);
    }
    return this;
  }

  async get(path: string, token = TOKEN): Promise<Response> {
    return fetch(`http://${this.host}:8081${path}`, { headers: { [TOKEN_HEADER]: token } });
  }

  async state(): Promise<RouterState> {
    return routerState.parse(await (await this.get('/state')).json());
  }

  /** Pid of HAProxy's worker: another one after a reload. */
  async worker(): Promise<number> {
    return Number(/^Pid: (\d+)$/m.exec(await this.runtime.ask('show info'))?.[1] ?? Number.NaN);
  }

  /** As the kubelet ends a pod. Fulfilled when it has ended. */
  async end(): Promise<void> {
    this.#interrupted.abort();
    await this.#run;
  }

  /** Ends it at once. */
  async close(): Promise<void> {
    this.#hurried.abort();
    await this.end();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
