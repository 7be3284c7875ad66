/** Figures as a table for people. Pure. */
import { format, reported, type Measurement } from './measurement.ts';

const HEADINGS = ['figure', 'value', 'peer', 'ratio', 'goal', ''] as const;

/** A line a figure, columns aligned; what the figures are about follows below. */
export function renderTable(measurements: readonly Measurement[]): string {
  const rows = [[...HEADINGS], ...measurements.map(cells)];
  const widths = HEADINGS.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  const lines = rows.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  const notes = measurements.flatMap(({ name, about }) => (about === undefined ? [] : [`${name}: ${about}`]));
  return [...lines, ...(notes.length === 0 ? [] : ['', ...notes]), '', verdict(measurements), ''].join('\n');
}

function cells(measurement: Measurement): string[] {
  const { name, value, unit, peer, ratio, goal, met } = reported(measurement);
  const quantity = (amount: number | null): string => (amount === null ? '' : `${format(amount)} ${unit}`);
  return [
    name,
    quantity(value),
    quantity(peer),
    ratio === null ? '' : format(ratio),
    goal === null ? '' : `<= ${quantity(goal)}`,
    met === null ? '' : met ? 'met' : 'NOT MET',
  ];
}

function verdict(measurements: readonly Measurement[]): string {
  const missed = measurements.map(reported).filter(({ met }) => met === false);
  return missed.length === 0
    ? 'Every goal is met.'
    : `NOT MET: ${missed.map(({ name }) => name).join(', ')}.`;
}
