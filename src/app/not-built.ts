/**
 * The one place that knows which keys and values of the file are designed, but not built: they are
 * refused with a word of their own rather than as unknown. An entry disappears when its key is built.
 */

interface NotBuilt {
  /** Keys from the top of the file; `*` stands for any name. */
  readonly path: string;
  /** Only these values of the key are meant; absent: the key itself. */
  readonly values?: readonly string[];
  /** Completes "`KEY` is not built yet: ". */
  readonly word: string;
  /** The key beside it, or the value, that serves the purpose now. */
  readonly instead?: string;
}

const NOT_BUILT: readonly NotBuilt[] = [
  { path: 'services.*.instances.sessions', word: 'set the number with `min` and `holdfast scale`' },
  { path: 'database.instances', word: 'topology `single` is one server' },
  {
    path: 'database.topology',
    values: ['replication', 'galera'],
    word: 'use `single`, or `external` for your own server',
    instead: 'single',
  },
  { path: 'ledger', word: 'remove it' },
];

/** The message for a key (`value` undefined) or value that is not built yet; undefined if it is not one of those. */
export function notBuiltYet(
  path: readonly string[],
  value?: unknown,
): { message: string; instead?: string } | undefined {
  const entry = NOT_BUILT.find((entry) => matches(entry, path, value));
  if (entry === undefined) return undefined;
  const subject = entry.values === undefined ? path.at(-1) : value;
  const message = `\`${String(subject)}\` is not built yet: ${entry.word}`;
  return entry.instead === undefined ? { message } : { message, instead: entry.instead };
}

function matches(entry: NotBuilt, path: readonly string[], value: unknown): boolean {
  const pattern = entry.path.split('.');
  const samePath =
    pattern.length === path.length && pattern.every((key, index) => key === '*' || key === path[index]);
  if (!samePath || entry.values === undefined) return samePath;
  return typeof value === 'string' && entry.values.includes(value);
}
