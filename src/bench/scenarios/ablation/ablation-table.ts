import { asBytes, asCount, asQuantity, asShare, asUnit, NO_VALUE, orNone } from '../../report/figures.js';
import { markdownTable, type Cell, type ReportTable } from '../../report/table.js';
import type { AblationRow } from './ablation-row.js';

/** A line for each variant: how fast, how it came about, and whether it still says the same. */
export function ablationTable(rows: readonly AblationRow[]): ReportTable {
  return {
    caption: 'Each variant beside plain decoding over a full cache, prompt by prompt; speed-ups have their 95% interval',
    columns: [
      ...['strategy', 'cache', 'tok/s', 'speed-up', 'predicted', 'accepted', 'tokens/pass', 'left early', 'layers saved'],
      ...['KV/token', 'KV smaller', 'same answers', 'likeliest as plain', 'KL', 'objects, F1', 'questions right'],
    ],
    rows: rows.map((row): Cell[] => [
      row.strategy,
      row.cache,
      row.prompts === 0 ? row.status : orNone(row.tokens_per_second, asQuantity),
      speedupCell(row),
      orNone(row.predicted_speedup, (value) => asUnit(value, '×')),
      orNone(row.acceptance_rate, asShare),
      orNone(row.tokens_per_pass, asQuantity),
      orNone(row.exit_rate, asShare),
      orNone(row.layers_saved, asShare),
      orNone(row.kv_bytes_per_token, asBytes),
      orNone(row.kv_ratio, (value) => asUnit(value, '×')),
      row.prompts === 0 ? NO_VALUE : [asCount(row.answers_same), ' of ', asCount(row.prompts)],
      orNone(row.top1_agreement, asShare),
      orNone(row.kl_mean, asQuantity),
      orNone(row.caption_object_f1, asShare),
      orNone(row.vqa_accuracy, asShare),
    ]),
  };
}

function speedupCell({ speedup, speedup_interval: interval }: AblationRow): Cell {
  if (speedup === null || interval === null) return orNone(speedup, (value) => asUnit(value, '×'));
  return { figure: asUnit(speedup, '×'), low: asUnit(interval[0], '×'), high: asUnit(interval[1], '×') };
}

/** The table, what is not exact, and what could not be run: what a terminal shows. */
export function ablationSummary(rows: readonly AblationRow[]): string[] {
  return [...markdownTable(ablationTable(rows)), '', ...ablationFindings(rows).map((line) => line.replace(/\s+/g, ' '))];
}

/** A sentence on the exactness of each variant that must be exact, and on each that failed. */
export function ablationFindings(rows: readonly AblationRow[]): string[] {
  return rows.flatMap((row) => {
    const name = `${row.strategy} over ${row.cache}`;
    const failed = row.error === null ? [] : [`${name} could not be run: ${row.error.code}: ${row.error.message}`];
    return [
      ...failed,
      ...exactWords(name, 'greedy', [row.exact, row.excused, row.different]),
      ...exactWords(name, 'sampled', [row.sampled_exact, row.sampled_excused, row.sampled_different]),
    ];
  });
}

function exactWords(
  name: string,
  how: string,
  [exact, excused, different]: readonly [boolean | null, number | null, number | null],
): string[] {
  if (exact === null) return [];
  return [
    `${exact ? 'pass' : 'fail'}: ${name}, ${how}: ${different ?? 0} answers differ, ${excused ?? 0} more where the choice was narrow`,
  ];
}
