import type { Score, ScenesScores } from './score-scenes.js';

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
};

/** The scores as a Markdown table with their intervals. */
export function scenesReport({ scores, ciderOfTruth }: ScenesScores): string[] {
  const rows = scores.map((score): [string, string, string] => {
    const { name, value, interval } = score;
    const title = name === 'cider' ? `CIDEr (the truth itself gets ${ciderOfTruth.toFixed(2)})` : titleOf(name);
    return [title, show(score, value), interval.map((bound) => show(score, bound)).join(' – ')];
  });
  const table = [['', 'score', '95% interval'] as const, ...rows];
  const width = (column: 0 | 1 | 2): number => Math.max(...table.map((row) => row[column].length));
  const [title, score, interval] = [width(0), width(1), width(2)];
  const lines = table.map((row) => `| ${row[0].padEnd(title)} | ${row[1].padStart(score)} | ${row[2].padEnd(interval)} |`);
  return [...lines.slice(0, 1), `|${'-'.repeat(title + 2)}|${'-'.repeat(score + 1)}:|${'-'.repeat(interval + 2)}|`, ...lines.slice(1)];
}

function titleOf(name: string): string {
  return TITLES[name] ?? name.replace('vqa.by_kind.', 'questions on ');
}

/** Shares as per cent. */
function show({ name }: Score, value: number): string {
  return name === 'bleu4' || name === 'cider' ? value.toFixed(2) : `${(100 * value).toFixed(1)}%`;
}
