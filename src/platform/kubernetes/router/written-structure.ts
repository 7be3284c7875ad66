/**
 * What HAProxy starts from: script, maps, certificate and configuration. They are written before the running HAProxy is
 * changed, so that one that dies is started again with all of it.
 */
import { checkConfig } from '../../../routing/check-config.ts';
import { haproxyConfig } from '../../../routing/haproxy-config.ts';
import type { HaproxyRouter, ObservedRouter } from '../../../routing/haproxy-router.ts';
import { renewCertificate } from '../../../routing/renew-certificate.ts';
import type { RouterFiles } from '../../../routing/router-files.ts';
import type { RouterSpec } from '../../../routing/router-spec.ts';
import { CommandRefused } from '../../../routing/runtime-socket.ts';
import { requireProgram } from '../../programs.ts';
import { freedIds } from './router-plan.ts';
import type { RecalledView, RouterView } from './router-view.ts';

export interface WrittenStructureParts {
  readonly files: RouterFiles;
  readonly haproxy: HaproxyRouter;
  /** Of this router among its peers. */
  readonly name: string;
  readonly searchPath: string;
  readonly log: (text: string) => void;
}

export class WrittenStructure {
  readonly #parts: WrittenStructureParts;
  #text = '';
  /** The one that HAProxy was last asked to show. */
  #certificate: string | undefined;

  constructor(parts: WrittenStructureParts) {
    this.#parts = parts;
  }

  /**
   * Writes a structure that HAProxy has not seen yet, and accepts.
   * @param had what HAProxy last had: a new one begins with the same places
   */
  async structure(view: RecalledView, spec: RouterSpec, had: ObservedRouter['backends']): Promise<void> {
    const { files, name, searchPath } = this.#parts;
    await files.writeScripts();
    if (view.certificate !== undefined) await files.writeCertificate(view.certificate.pem);
    this.#certificate = view.structure.tls && view.certificate?.pem;
    for (const backend of view.structure.backends) {
      const { service, stateful } = backend;
      if (stateful === undefined) continue;
      await files.writeMap(service, view.tables.get(service));
      await files.writeFreed(service, freedIds(view, backend, had[service]?.servers ?? []));
    }
    const text = haproxyConfig(spec);
    const program = requireProgram('haproxy', searchPath);
    await files.writeConfig(text, (file) => checkConfig(file, program, undefined, name));
    this.#text = text;
  }

  /** Writes the configuration of a structure that HAProxy has, with the servers that it has by now. */
  async config(spec: RouterSpec): Promise<void> {
    const text = haproxyConfig(spec);
    if (text === this.#text) return;
    await this.#parts.files.writeConfig(text);
    this.#text = text;
  }

  /** New connections get what the Secret has now. A structure that HAProxy has yet to take over brings it. */
  async renewCertificate({ structure, certificate }: RouterView, signal: AbortSignal): Promise<void> {
    if (structure.tls === undefined || certificate === undefined) return;
    if (this.#certificate === certificate.pem) return;
    this.#certificate = certificate.pem;
    try {
      await renewCertificate(this.#parts, certificate.pem, signal);
      this.#parts.log(`shows another certificate, until ${new Date(certificate.expires).toISOString()}`);
    } catch (error) {
      // Asked again, HAProxy would say the same: the one before goes on.
      if (error instanceof CommandRefused) this.#parts.log(`keeps its certificate: ${error.reply}`);
      else this.#certificate = undefined;
      throw error;
    }
  }
}
