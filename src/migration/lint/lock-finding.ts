/** What a change of a table costs, from the way in which the server makes it and the size of the live table. Pure. */

import type { SchemaChange } from '../schema-difference.ts';
import { megabyte, smallBytes, type TableSizes } from '../table-sizes.ts';
import type { Found } from './finding.ts';
import type { Trial } from './lock-trial.ts';

/** What writing a table anew gets through in a second on a disk of a cloud. An order of magnitude, no promise. */
const bytesEachSecond = 20 * megabyte;

/** What is to be said of it; nothing when it is instant, or when the table is small. */
export function lockFinding(
  { algorithm, blocksWrites }: Trial,
  changed: SchemaChange,
  sizes: TableSizes | undefined,
): Found | undefined {
  const isAnew = algorithm === 'copy' || algorithm === 'rebuild';
  const rule = ruleOf(isAnew, blocksWrites);
  if (!rule) return undefined;
  const altered = changed.flatMap(({ object, found }) =>
    object.startsWith('table ') && found !== undefined ? [object.slice('table '.length)] : [],
  );
  if (!sizes) {
    return { rule, severity: 'warning', message: `${costs[rule]}; without a database its size is not known` };
  }
  const known = altered.map((name) => ({ name, ...(sizes.get(name) ?? { rows: 0, bytes: 0 }) }));
  const [size] = known.toSorted((a, b) => b.bytes - a.bytes);
  if (!size || size.bytes <= smallBytes) return undefined;
  const seconds = Math.ceil(size.bytes / bytesEachSecond);
  const disk = isAnew ? `, ${Math.ceil(size.bytes / megabyte)} MB of disk` : '';
  return {
    rule,
    severity: blocksWrites ? 'error' : 'warning',
    message: `${costs[rule]}: ${size.name} has about ${size.rows} rows; roughly ${seconds} s${disk}`,
  };
}

function ruleOf(isAnew: boolean, blocksWrites: boolean): keyof typeof costs | undefined {
  if (isAnew) return blocksWrites ? 'copies-table' : 'rebuilds-table';
  return blocksWrites ? 'blocks-writes' : undefined;
}

const costs = {
  'copies-table': 'the table is copied, and the application can not write to it meanwhile',
  'blocks-writes': 'the application can not write to the table meanwhile',
  'rebuilds-table': 'the table is rebuilt while the application goes on',
} as const;
