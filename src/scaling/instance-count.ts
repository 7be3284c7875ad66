import type { Service } from '../app/model.ts';

/** How many instances of a service are wanted, within the file's bounds. @param scale numbers asked for by hand, by service */
export function instanceCount(service: Service, scale: Readonly<Record<string, number>>): number {
  const { min, max } = service.instances;
  return Math.min(max, Math.max(min, scale[service.name] ?? min));
}
