/** Leases with versions, as an API server keeps them, for candidates who can be cut off one by one. */
import type { ServerResponse } from 'node:http';
import type { Lease } from '../../src/platform/kubernetes/api/lease.ts';
import { json, refuse, type Asked } from './fake-api.ts';

/** What becomes of a request: answered; lost before it arrived; done, but its answer lost. */
export type Fate = 'answered' | 'lost' | 'answer-lost';

export class FakeLeases {
  lease: Lease | undefined;
  /** By the identity in the user agent. */
  fate: (candidate: string, asked: Asked) => Fate = () => 'answered';
  writes = 0;
  #version = 0;

  answer(asked: Asked, response: ServerResponse): void {
    const fate = this.fate(asked.headers['user-agent'] ?? '', asked);
    if (fate === 'lost') response.destroy();
    else if (fate === 'answered') this.#serve(asked, response);
    else {
      this.#keep(asked);
      response.destroy();
    }
  }

  #serve(asked: Asked, response: ServerResponse): void {
    if (asked.method === 'GET') {
      if (this.lease === undefined) refuse(response, 404, 'NotFound');
      else json(response, this.lease);
      return;
    }
    const refused = this.#keep(asked);
    if (refused === undefined) json(response, this.lease);
    else refuse(response, 409, refused);
  }

  #keep({ method, body }: Asked): string | undefined {
    if (method === 'GET') return undefined;
    const wanted = JSON.parse(body) as Lease;
    const current = this.lease?.metadata.resourceVersion;
    if (method === 'POST' && current !== undefined) return 'AlreadyExists';
    if (method === 'PUT' && wanted.metadata.resourceVersion !== current) return 'Conflict';
    this.writes += 1;
    this.lease = { ...wanted, metadata: { ...wanted.metadata, resourceVersion: String(++this.#version) } };
    return undefined;
  }
}
