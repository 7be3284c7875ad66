/**
 * The units of `holdfast.yaml`. A quantity is always a string: a whole number with a unit, or a number of
 * cores; inside Holdfast durations are milliseconds, sizes bytes, and CPU thousandths of a core.
 */

export const DURATION_PATTERN: RegExp = /^[0-9]{1,9}(ms|s|m|h)$/;
export const SIZE_PATTERN: RegExp = /^[0-9]{1,12}(Ki|Mi|Gi|k|M|G)$/;
export const CPU_PATTERN: RegExp = /^([0-9]{1,6}m|[0-9]{1,3}(\.[0-9]{1,3})?)$/;
export const PERCENT_PATTERN: RegExp = /^[0-9]{1,3}%$/;

const MILLISECONDS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** The suffixes of Kubernetes' quantities. */
const BYTES: ReadonlyMap<string, number> = new Map([
  ['k', 1e3],
  ['M', 1e6],
  ['G', 1e9],
  ['Ki', 2 ** 10],
  ['Mi', 2 ** 20],
  ['Gi', 2 ** 30],
]);

/** Milliseconds of `500ms`, `30s`, `10m` or `1h`; NaN for any other text. */
export function parseDuration(text: string): number {
  return DURATION_PATTERN.test(text) ? quantity(text, MILLISECONDS) : Number.NaN;
}

/** Bytes of `64Ki`, `10Mi`, `1Gi`, or of `64k`, `10M`, `1G` with powers of 1000; NaN for any other text. */
export function parseSize(text: string): number {
  return SIZE_PATTERN.test(text) ? quantity(text, BYTES) : Number.NaN;
}

/** Thousandths of a core of `250m`, `1` or `1.5`; NaN for any other text. */
export function parseCpu(text: string): number {
  if (!CPU_PATTERN.test(text)) return Number.NaN;
  return text.endsWith('m') ? Number.parseInt(text, 10) : Math.round(Number(text) * 1_000);
}

/** The number of `70%`; NaN for any other text. */
export function parsePercent(text: string): number {
  return PERCENT_PATTERN.test(text) ? Number.parseInt(text, 10) : Number.NaN;
}

function quantity(text: string, units: ReadonlyMap<string, number>): number {
  const unit = text.replace(/^[0-9]+/, '');
  return Number.parseInt(text, 10) * (units.get(unit) ?? Number.NaN);
}
