/**
 * Who set which fields of an App's spec (server-side apply's managed fields,
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/). To apply a file exactly, whoever
 * applies must be the one who set everything that stands there: otherwise a key that the file has no more
 * would stay. Pure.
 */
import { isMap } from '../../../app/raw-value.ts';

/** The name under which Holdfast sets fields. */
export const MANAGER = 'holdfast';

export interface ManagedFields {
  readonly manager: string;
  readonly operation: string;
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
  readonly subresource?: string;
}

const SPEC = 'f:spec';

/** The others who have set something in the spec, each once. */
export function foreignManagers(fields: readonly ManagedFields[]): string[] {
  const foreign = fields.filter((entry) => setsSpec(entry) && entry.manager !== MANAGER);
  return [...new Set(foreign.map(({ manager }) => manager))];
}

/**
 * The fields as they are once Holdfast's `apply` has set all of the spec that Holdfast's own verbs have
 * set or, with `all`, that anybody has.
 * @returns undefined when it is so already
 */
export function adopted(
  fields: readonly ManagedFields[],
  apiVersion: string,
  all: boolean,
): ManagedFields[] | undefined {
  const isTaken = (entry: ManagedFields): boolean =>
    setsSpec(entry) && !isOwnApply(entry) && (all || entry.manager === MANAGER);
  const taken = fields.filter(isTaken);
  if (taken.length === 0) return undefined;
  const own = fields.find(isOwnApply) ?? {
    manager: MANAGER,
    operation: 'Apply',
    apiVersion,
    fieldsType: 'FieldsV1',
    time: taken[0]?.time ?? '',
    fieldsV1: {},
  };
  const specs = taken.map(({ fieldsV1 }) => ({ [SPEC]: fieldsV1?.[SPEC] }));
  const fieldsV1 = specs.reduce<Readonly<Record<string, unknown>>>(union, own.fieldsV1 ?? {});
  const others = fields.filter((entry) => !isOwnApply(entry));
  return [
    { ...own, fieldsV1 },
    ...others.flatMap((entry) => (isTaken(entry) ? withoutSpec(entry) : [entry])),
  ];
}

function setsSpec({ fieldsV1, subresource = '' }: ManagedFields): boolean {
  return subresource === '' && fieldsV1?.[SPEC] !== undefined;
}

function isOwnApply({ manager, operation, subresource = '' }: ManagedFields): boolean {
  return manager === MANAGER && operation === 'Apply' && subresource === '';
}

function withoutSpec(entry: ManagedFields): ManagedFields[] {
  const { [SPEC]: _, ...fieldsV1 } = entry.fieldsV1 ?? {};
  return Object.keys(fieldsV1).length === 0 ? [] : [{ ...entry, fieldsV1 }];
}

function union(
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const merged = Object.entries(b).map(([key, value]) => {
    const other = a[key];
    return [key, isMap(other) && isMap(value) ? union(other, value) : value];
  });
  return { ...a, ...Object.fromEntries(merged) };
}
