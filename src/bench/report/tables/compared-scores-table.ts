import type { RunRecord, Score } from '../../../core/run-record.js';
import { asUnit, NO_VALUE, orNone } from '../figures.js';
import type { LabelledRun } from '../labelled-run.js';
import type { Cell, ReportTable } from '../table.js';

/** Prefix of scores that can be had without looking; they depend on the data set only. */
const CHANCE = 'chance.';

/** Scores of several runs side by side, and beside them what can be had without looking. */
export function comparedScoresTable(runs: readonly LabelledRun[], caption: string): ReportTable {
  const names = [...new Set(runs.flatMap(({ record }) => (record.scores ?? []).map(({ name }) => name)))];
  const [first] = runs;
  return {
    caption,
    columns: ['score', ...runs.map(({ label }) => label), 'chance'],
    rows: names
      .filter((name) => !name.startsWith(CHANCE))
      .map((name) => [
        name,
        ...runs.map(({ record }) => scoreCell(record, name)),
        first === undefined ? NO_VALUE : scoreCell(first.record, CHANCE + name),
      ]),
  };
}

function scoreCell({ scores = [] }: RunRecord, name: string): Cell {
  return orNone(
    scores.find((score) => score.name === name),
    scoreFigure,
  );
}

/** A score as readers see it, with its interval where it has one. */
export function scoreFigure({ value, unit, interval }: Score): Cell {
  const figure = asUnit(value, unit);
  return interval === null ? figure : { figure, low: asUnit(interval.low, unit), high: asUnit(interval.high, unit) };
}
