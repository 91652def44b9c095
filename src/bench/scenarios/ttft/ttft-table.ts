import type { TtftRatio, TtftRow } from './ttft-figures.js';
import type { RunnerName } from './ttft-scenario.js';

/** What the runners are called in what people read. */
export const RUNNER_TITLES: Readonly<Record<RunnerName, string>> = { baseline: 'Baseline', llamacpp: 'Llama.cpp' };

/** Of fewer even the sign of all differences may well be chance: with five, one time in sixteen (two-sided sign test). */
const FEWEST_PROMPTS = 6;

/** Coefficient of variation; the same that a run record calls too noisy to compare. */
const TOO_NOISY = 0.2;

const TITLE = 'Benchmark Summary Report';
const COLUMNS = ['Prompt Type', 'Runner', 'Avg TTFT (s)', 'Success Rate', 'Median (s)', '95% interval (s)', 'Cache'] as const;

/** The summary as text: averages and successes first, then how sure they are, then how the runners compare. */
export function ttftTable(rows: readonly TtftRow[], ratios: readonly TtftRatio[]): string[] {
  const cells = rows.map((row) => [
    capitalised(row.promptType),
    RUNNER_TITLES[row.runner],
    row.avg_ttft === null ? 'N/A' : fixed(row.avg_ttft),
    `${row.successes}/${row.attempts}`,
    row.median_ttft === null ? 'N/A' : fixed(row.median_ttft),
    row.interval === null ? 'N/A' : `${fixed(row.interval[0])}–${fixed(row.interval[1])}`,
    cacheOf(row),
  ]);
  const widths = COLUMNS.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join(' | ')
      .trimEnd();
  const head = line(COLUMNS);
  const width = Math.max(head.length, ...cells.map((row) => line(row).length));
  const [thick, thin] = ['='.repeat(width), '-'.repeat(width)];
  const groups = [...new Set(rows.map(({ promptType }) => promptType))].map((type) =>
    cells.filter((_, index) => rows[index]?.promptType === type).map(line),
  );
  return [
    thick,
    `${' '.repeat(Math.max(0, Math.floor((width - TITLE.length) / 2)))}${TITLE}`,
    thick,
    head,
    ...groups.flatMap((group) => [thin, ...group]),
    thick,
    '(Note: TTFT averages are for successful runs only)',
    ...rows.flatMap(splitByCache),
    ...ratios.map(ratioLine),
  ];
}

/** Cold: nothing of the prompt came from a cache. */
function cacheOf({ cold, warm, unlabelled }: TtftRow): string {
  const parts = [
    [cold, 'cold'],
    [warm, 'warm'],
    [unlabelled, 'untold'],
  ] as const;
  const present = parts.filter(([count]) => count > 0);
  if (present.length === 1) return present[0]?.[1] ?? '';
  return present.length === 0 ? 'N/A' : present.map(([count, name]) => `${count} ${name}`).join(', ');
}

function splitByCache({ promptType, runner, median_ttft_cold: cold, median_ttft_warm: warm }: TtftRow): string[] {
  if (cold === null || warm === null) return [];
  return [
    `${capitalised(promptType)}, ${RUNNER_TITLES[runner]}: median ${fixed(cold)} s cold, ${fixed(warm)} s warm; the average mixes them`,
  ];
}

function ratioLine(compared: TtftRatio): string {
  const { promptType, ratio, interval, prompts } = compared;
  const range = interval === null ? '' : `95%: ${interval[0].toFixed(2)}–${interval[1].toFixed(2)}, `;
  const what = `${capitalised(promptType)}: baseline's TTFT / Llama.cpp's, prompt by prompt: ${ratio.toFixed(2)}×`;
  return `${what} (${range}${prompts} ${prompts === 1 ? 'prompt' : 'prompts'}): ${answerOf(compared)}`;
}

function answerOf({ interval, prompts, scatter }: TtftRatio): string {
  if (interval === null || prompts < FEWEST_PROMPTS) return `too few to tell which is faster: ${FEWEST_PROMPTS} are needed`;
  if (scatter !== null && scatter > TOO_NOISY)
    return `too noisy to tell which is faster: answers to the same prompt scatter by ${(scatter * 100).toFixed(0)}%`;
  const [low, high] = interval;
  return low > 1 ? 'Llama.cpp is faster' : high < 1 ? 'the baseline is faster' : 'too noisy to tell which is faster';
}

function capitalised(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function fixed(seconds: number): string {
  return seconds.toFixed(4);
}
