/** Ports that an application keeps over its lives, so that what was written down of them stays true. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isFree, choosePort } from './ports.ts';
import { readIfThere, writeJson } from './json-file.ts';

const kept = z.record(z.string(), z.number());

export class KeptPorts {
  readonly #file: string;
  readonly #scope: string;

  /** @param scope spreads the ports of different applications. */
  constructor(file: string, scope: string) {
    this.#file = file;
    this.#scope = scope;
  }

  /** The port kept under `name`, or another free one, kept from now on, when somebody else has it. */
  async port(name: string, host: string): Promise<number> {
    const ports = kept.parse(JSON.parse((await readIfThere(this.#file)) ?? '{}'));
    const known = ports[name];
    if (known !== undefined && (await isFree(host, known))) return known;
    const spread = createHash('sha256').update(`${this.#scope}/${name}`).digest().readUInt32BE();
    const port = await choosePort(host, new Set(Object.values(ports)), spread);
    await writeJson(this.#file, { ...ports, [name]: port });
    return port;
  }
}
