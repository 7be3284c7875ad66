/** An API server that answers what a test says, and records what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { KubeConnection } from '../../src/platform/kubernetes/api/connection.ts';
import { KubeClient } from '../../src/platform/kubernetes/api/kube-client.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Answer = (asked: Asked, response: ServerResponse) => void | Promise<void>;

export interface FakeApi {
  readonly connection: KubeConnection;
  readonly client: KubeClient;
  readonly asked: readonly Asked[];
  /** TCP connections that were opened. */
  connections(): number;
}

export async function fakeApi(
  t: TestContext,
  answer: Answer,
  credentials: KubeConnection['credentials'] = () => Promise.resolve({}),
): Promise<FakeApi> {
  const asked: Asked[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    void receive(request).then((one) => {
      asked.push(one);
      return answer(one, response);
    });
  });
  server.on('connection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connection = { server: `http://127.0.0.1:${String(port)}`, namespace: 'default', credentials };
  const client = new KubeClient(connection, { userAgent: 'holdfast/test', manager: 'holdfast' });
  t.after(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return { connection, client, asked, connections: () => connections };
}

async function receive(request: IncomingMessage): Promise<Asked> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://api');
  return {
    method: request.method ?? '',
    path: pathname,
    query: searchParams,
    headers: request.headers,
    body,
  };
}

export function json(
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

/** A refusal in the API's own form. */
export function refuse(
  response: ServerResponse,
  code: number,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  json(
    response,
    { kind: 'Status', status: 'Failure', code, reason, message: `it is ${reason}` },
    code,
    headers,
  );
}

/** A ConfigMap in the namespace `shop`. */
export function configMap(name: string, resourceVersion: string): object {
  return { metadata: { namespace: 'shop', name, resourceVersion } };
}

export function listOf(resourceVersion: string, items: readonly object[], more = ''): object {
  return { kind: 'ConfigMapList', metadata: { resourceVersion, continue: more }, items };
}
