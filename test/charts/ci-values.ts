/** The values with which each chart is checked: those in its folder `ci`, and the example. */
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface ChartValues {
  readonly chart: string;
  /** Relative to the repository. */
  readonly file: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const root = new URL('../../', import.meta.url);

export function ciValues(): ChartValues[] {
  const files = ['holdfast', 'app'].flatMap((chart) =>
    readdirSync(new URL(`charts/${chart}/ci`, root))
      .toSorted()
      .map((name) => ({ chart, file: `charts/${chart}/ci/${name}` })),
  );
  return [...files, { chart: 'app', file: EXAMPLE }].map((entry) => ({
    ...entry,
    values: valuesIn(entry.file),
  }));
}

const EXAMPLE = 'examples/community/holdfast.yaml';

/** The example's file, as the spec of an App. */
export function exampleSpec(): Record<string, unknown> {
  return valuesIn(EXAMPLE);
}

function valuesIn(file: string): Record<string, unknown> {
  return parse(readFileSync(new URL(file, root), 'utf8')) as Record<string, unknown>;
}
