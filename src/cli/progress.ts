/**
 * Live progress: what each part waits for, how long it took, where it listens. On a terminal the lines
 * are drawn again in place; elsewhere each part is printed once it is there.
 */
import { LivePicture } from './live-picture.ts';
import { duration, painter, type Paint } from './render-status.ts';
import type { ShownStatus } from './shown-status.ts';

interface PartProgress {
  readonly name: string;
  readonly done: boolean;
  readonly failed: boolean;
  readonly text: string;
}

/** The parts of an application and how far each is. Pure. */
export function partsOf(status: ShownStatus): PartProgress[] {
  const { database, migrations, router, services } = status;
  const reason = (part: string): string | undefined => status.waiting.find((w) => w.part === part)?.reason;
  const fixed = (name: string, done: boolean, text: string, state: string): PartProgress => ({
    name,
    done,
    failed: state === 'failed' || state === 'held',
    text: done ? text : (reason(name) ?? state),
  });
  return [
    ...(database.topology === 'none'
      ? []
      : [
          fixed(
            'database',
            database.state === 'ready',
            `MariaDB at ${database.address ?? ''}`,
            database.state,
          ),
        ]),
    ...(migrations.state === 'none'
      ? []
      : [
          fixed(
            'migrations',
            migrations.state === 'applied',
            `${migrations.applied} applied`,
            migrations.state,
          ),
        ]),
    ...services.map((service): PartProgress => {
      const others = status.waiting.filter(
        (w) => w.part === service.name || w.part.startsWith(`${service.name}-`),
      );
      const ready = service.instances.filter(({ state }) => state === 'ready');
      const addresses = ready.map((i) => `${i.id} ${i.address}`).join(', ');
      return {
        name: service.name,
        done: service.wanted > 0 && others.length === 0 && service.ready >= service.wanted,
        failed: service.instances.some((i) => i.failed && i.state !== 'ready'),
        text:
          others.length === 0 && service.ready > 0
            ? addresses
            : others.map((w) => w.reason).join('; ') || 'waits',
      };
    }),
    fixed(
      'router',
      router.state === 'ready' && reason('router') === undefined,
      status.url ?? '',
      router.state,
    ),
  ];
}

/**
 * Whether waiting longer will hardly change anything: all is ready, or each part (of `services`, when
 * given) is either done or failing, or something failed that all services wait for.
 */
export function isDecided(status: ShownStatus, services?: readonly string[]): boolean {
  if (status.state !== 'failing') return status.state === 'ready';
  if (status.problem !== undefined && services === undefined) return true;
  const parts = partsOf(status).filter(({ name }) => services === undefined || services.includes(name));
  const runs = status.services.some((s) => services?.includes(s.name) === true && s.instances.length > 0);
  const held = status.migrations.state === 'held' && !runs;
  const blocked = status.database.state === 'failed' || held;
  return blocked || parts.every((part) => part.done || part.failed);
}

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #paint: Paint;
  readonly #picture: LivePicture | undefined;
  readonly #begun = Date.now();
  /** When each part was first seen done; ms since the epoch. */
  readonly #doneAt = new Map<string, number>();
  /** Failures may alternate, as those of an image do that can't be had. */
  readonly #said = new Map<string, Set<string>>();
  #frame = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#paint = painter(stream);
    this.#picture = stream.isTTY ? new LivePicture(stream) : undefined;
  }

  /** Shows how things are now. */
  show(status: ShownStatus | undefined): void {
    if (status === undefined) return;
    const parts = partsOf(status);
    for (const { name, done } of parts) {
      if (!done) this.#doneAt.delete(name);
      else if (!this.#doneAt.has(name)) this.#doneAt.set(name, Date.now());
    }
    this.#frame++;
    if (this.#picture) this.#picture.draw(parts.map((part) => this.#line(part)).join('\n'));
    else for (const part of parts) this.#sayOnce(part);
  }

  /** Says something that stays, above the picture. */
  note(text: string): void {
    const line = `  ${this.#paint('yellow', text)}`;
    if (this.#picture) this.#picture.leave(line);
    else this.#stream.write(`${line}\n`);
  }

  #line(part: PartProgress): string {
    const mark = part.done
      ? this.#paint('green', '✔')
      : part.failed
        ? this.#paint('red', '✘')
        : this.#paint('yellow', '◐◓◑◒'.charAt(this.#frame % 4));
    const took = part.done ? duration((this.#doneAt.get(part.name) ?? 0) - this.#begun) : '';
    return `  ${mark} ${part.name.padEnd(12)} ${took.padStart(7)}  ${this.#paint('dim', part.text)}`;
  }

  /** Without a terminal: a part when it is done, and once for each failure. */
  #sayOnce(part: PartProgress): void {
    const said = part.done ? 'done' : part.failed ? part.text : undefined;
    const before = this.#said.get(part.name) ?? new Set();
    if (said === undefined || before.has(said)) return;
    // Whatever fails after it was done is news.
    this.#said.set(part.name, part.done ? new Set([said]) : before.add(said));
    this.#stream.write(`${this.#line(part)}\n`);
  }
}
