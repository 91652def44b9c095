import type { Score } from '../../core/run-record.js';

const TITLES: Readonly<Record<string, string>> = {
  'caption.object_f1': 'objects, F1',
  'caption.object_precision': 'objects, precision',
  'caption.object_recall': 'objects, recall',
  'caption.placed_object_f1': 'objects in their places, F1',
  'caption.exact': 'captions exact',
  'vqa.accuracy': 'questions, all',
  bleu4: 'BLEU-4 (of 100)',
  rouge_l: 'ROUGE-L',
  cider: 'CIDEr',
  'context.tokens': 'tokens in context',
  cider_of_truth: 'CIDEr of the truth itself',
  'parity.top1': 'likeliest tokens that are those of the reference',
  'parity.kl_mean': 'divergence from the reference, mean (nats)',
  'parity.kl_p99': 'divergence from the reference, p99 (nats)',
};
const CHANCE = 'chance.';

/** Scores as a Markdown table: each with its interval, and beside it what can be had without looking. */
export function scoresTable(scores: readonly Score[]): string[] {
  const chances = new Map(scores.filter(({ name }) => name.startsWith(CHANCE)).map((score) => [score.name.slice(CHANCE.length), score]));
  const rows = scores
    .filter(({ name }) => !name.startsWith(CHANCE))
    .map((score) => {
      const chance = chances.get(score.name);
      const bounds = score.interval === null ? [] : [score.interval.low, score.interval.high];
      return [
        titleOf(score.name),
        show(score, score.value),
        bounds.map((bound) => show(score, bound)).join(' – '),
        chance === undefined ? '' : show(chance, chance.value),
      ];
    });
  const table = [['', 'score', '95% interval', 'chance'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const [head = '', ...lines] = table.map((row) => {
    const cells = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)));
    return `| ${cells.join(' | ')} |`;
  });
  return [
    head,
    `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`,
    ...lines,
  ];
}

function titleOf(name: string): string {
  const [, number, rest] = /^caption\.by_picture\.(\d+)\.(.*)$/.exec(name) ?? [];
  if (number !== undefined) return `picture ${number}: ${TITLES[`caption.${rest ?? ''}`] ?? name}`;
  return TITLES[name] ?? name.replace('vqa.by_kind.', 'questions on ');
}

/** Shares as per cent. */
function show({ unit }: Score, value: number): string {
  return unit === 'fraction' ? `${(100 * value).toFixed(1)}%` : unit === 'nats' ? value.toExponential(1) : value.toFixed(2);
}
