import { readFile, stat } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { compareRuns, type MetricComparison, type RunComparison } from '../../bench/statistics/compare-runs.js';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';
import { parseRunRecord, type RunRecord } from '../../core/run-record.js';
import { RunStore } from '../../tracking/files/run-store.js';
import { columns } from '../columns.js';
import { findRunId } from '../find-run-id.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

interface CompareOptions {
  readonly minEffect: number;
  readonly metric?: readonly string[];
}

/** For scripts; errors have the codes of sysexits.h, all above these. */
const EXIT_CODES: Record<RunComparison['outcome'], number> = { 'no regression': 0, regression: 1, inconclusive: 2 };
const CONFIDENCE = 0.95;
const SEED = 1;

/** `edgevlm compare A B` */
export function compare(program: Command, { terminal }: Session): void {
  const command = program
    .command('compare')
    .description(
      'Say whether run B is worse than run A. Exit code: 0 no regression, 1 a regression, 2 cannot be told (too few samples, or too noisy).',
    )
    .argument('<a>', 'the run to compare with: its id, or the start of it, or latest, or a file')
    .argument('<b>', 'the run in question')
    .option('--min-effect <fraction>', 'changes up to this are taken for none', fraction, 0.05)
    .option('--metric <name...>', 'judge these samples and scores only; default: all that both runs have');
  addOutputOptions(command).action(async (nameA: string, nameB: string, { minEffect, metric }: CompareOptions) => {
    const [a, b] = [await findRun(nameA), await findRun(nameB)];
    const result = compareRuns(a, b, { minEffect, confidence: CONFIDENCE, seed: SEED, ...(metric && { metrics: metric }) });
    if (result.metrics.length === 0)
      throw new EdgeVlmError('USAGE', `${a.id} and ${b.id} have nothing to compare in common`, {
        hint: 'Look at their samples and scores with `edgevlm runs show`.',
      });
    const table = columns([HEADINGS, ...result.metrics.map(cellsOf)]);
    const { outcome, confidence, differences, sameAnswers } = result;
    terminal.result({ a: a.id, b: b.id, minEffect, seed: SEED, ...result }, [...table, '', sentence(outcome, minEffect)].join('\n'));
    if (differences.length > 0) terminal.note(`the runs differ in: ${differences.join(', ')}`);
    if (sameAnswers !== null && sameAnswers < 1)
      terminal.note(
        `B gave the same answers to ${(100 * sameAnswers).toFixed(1)}% of the items: what is faster is no speed-up, because it did other work`,
      );
    terminal.note(`change: how much better B is; intervals at ${(100 * confidence).toFixed(2)}%, so that all together hold at 95%`);
    terminal.exitCode = EXIT_CODES[outcome];
  });
}

const HEADINGS = ['metric', 'unit', 'A', 'B', 'change', 'interval', 'outcome'];

function cellsOf({ name, unit, a, b, change, interval, outcome }: MetricComparison): string[] {
  const percent = (value: number): string => `${value > 0 ? '+' : ''}${(100 * value).toFixed(1)}%`;
  const figure = (value: number): string => String(Number(value.toPrecision(4)));
  const range = interval === null ? '-' : `${percent(interval.low)} to ${percent(interval.high)}`;
  const gained = outcome === 'other answers' ? ['-', '-'] : [percent(change), range];
  return [name, unit, figure(a), figure(b), ...gained, outcome];
}

function sentence(outcome: RunComparison['outcome'], minEffect: number): string {
  const size = `by more than ${Number((100 * minEffect).toPrecision(3))}%`;
  switch (outcome) {
    case 'no regression':
      return `no regression: nothing that was judged is worse ${size}`;
    case 'regression':
      return `regression: at least one figure is worse ${size}`;
    case 'inconclusive':
      return `inconclusive: too few or too noisy samples to exclude that something is worse ${size}`;
    default:
      return outcome satisfies never;
  }
}

/** A file where there is one of that name, else a run of the store. */
async function findRun(named: string): Promise<RunRecord> {
  const isFile = await stat(named).then(
    (found) => found.isFile(),
    () => false,
  );
  return isFile ? parseRunRecord(await readFile(named, 'utf8'), named) : new RunStore(dataDirectories().runs).load(await findRunId(named));
}

function fraction(text: string): number {
  const value = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || !(value < 1)) throw new InvalidArgumentError('Expected a fraction from 0 to 1, such as 0.05.');
  return value;
}
