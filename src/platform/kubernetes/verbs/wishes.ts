/** What is asked of an application by hand, as its App carries it in annotations. Pure. */
import { UserError } from '../../../app/failure.ts';
import type { App, Service } from '../../../app/model.ts';
import { restartsOf, scaleOf, type ScaleWish } from '../memory-store.ts';
import { ANNOTATIONS } from '../objects/names.ts';
import type { AppObject } from '../observe/kinds.ts';

type Annotations = Readonly<Record<string, string>>;

/** @param app what the App's spec comes to. @throws UserError for a number or a service that can't be had */
export function scaleAnnotations(
  object: AppObject,
  app: App,
  counts: Readonly<Record<string, number>>,
): Annotations {
  const wanted = { ...scaleOf(object, [app]), ...counts };
  const wishes = Object.entries(wanted).map(([name, count]): [string, ScaleWish] => {
    const { min, max } = serviceOf(app, name).instances;
    if (count < min || count > max)
      throw new UserError(
        `${name} can have ${min} to ${max} instances; change "instances" in the file for ${count}`,
      );
    return [name, { count, min, max }];
  });
  return { [ANNOTATIONS.scale]: JSON.stringify(Object.fromEntries(wishes)) };
}

/** @throws UserError for a service that there is not */
export function restartAnnotations(object: AppObject, app: App, service: string): Annotations {
  const { name } = serviceOf(app, service);
  const before = restartsOf(object);
  return { [ANNOTATIONS.restarts]: JSON.stringify({ ...before, [name]: (before[name] ?? 0) + 1 }) };
}

function serviceOf({ services }: App, name: string): Service {
  const found = services.find((service) => service.name === name);
  if (found !== undefined) return found;
  throw new UserError(`there is no service "${name}"; there are ${services.map((s) => s.name).join(', ')}`);
}
