/** Another image, or an earlier spec, as the spec that an App is to have. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../../../app/failure.ts';
import { isMap, keysOf, valueAt } from '../../../app/raw-value.ts';
import type { PastRelease } from '../memory-store.ts';

/** What takes the place of a service's name for the image with the migrations. */
const MIGRATIONS = 'migrations';

/** @param images by service, or `migrations`. @throws UserError for a service that there is not */
export function withImages(spec: unknown, images: Readonly<Record<string, string>>): unknown {
  const services = keysOf(valueAt(spec, 'services'));
  return Object.entries(images).reduce((before, [name, image]) => {
    if (services.includes(name)) return withValue(before, ['services', name, 'image'], image);
    if (name === MIGRATIONS && valueAt(spec, MIGRATIONS, 'image') !== undefined)
      return withValue(before, [MIGRATIONS, 'image'], image);
    throw new UserError(
      name === MIGRATIONS
        ? 'the migrations come from no image here; change the files, then: holdfast deploy'
        : `there is no service "${name}"; there are ${services.join(', ')}`,
    );
  }, spec);
}

function withValue(data: unknown, [key = '', ...rest]: readonly string[], value: unknown): unknown {
  if (!isMap(data)) return value;
  return { ...data, [key]: rest.length === 0 ? value : withValue(data[key], rest, value) };
}

/**
 * What was accepted before `spec` was; what was accepted last if `spec` never was.
 * @param history the latest last
 */
export function releaseBefore(history: readonly PastRelease[], spec: unknown): PastRelease | undefined {
  const last = history.findLastIndex((past) => isDeepStrictEqual(past.spec, spec));
  return last === -1 ? history.at(-1) : history[last - 1];
}

/** Why what was before can't come back: the contract of what is in force has taken away what it needs. */
export function closedWay(
  past: unknown,
  { spec, status }: { readonly spec: unknown; readonly status: unknown },
): string | undefined {
  if (isDeepStrictEqual(valueAt(past, MIGRATIONS), valueAt(spec, MIGRATIONS))) return undefined;
  const contract = (key: string): unknown => valueAt(status, MIGRATIONS, 'contract', key);
  if (contract('state') !== 'applied') return undefined;
  const files = contract('files');
  return (
    `${Array.isArray(files) ? files.join(', ') : 'its contract'} is applied, so what was ready before can't work any more. ` +
    'Give it back in a new migration, or go on with a release that mends what is in force'
  );
}
