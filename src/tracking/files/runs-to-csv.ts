import type { RunRecord } from '../../core/run-record.js';

const COLUMNS = ['run', 'created_at', 'command', 'model', 'kind', 'name', 'unit', 'index', 'value', 'low', 'high'] as const;

/**
 * Every value of every run, one a row (RFC 4180): samples and warm-up in their order, scores with their interval. What a spreadsheet
 * would take for a formula is led by an apostrophe.
 */
export function runsToCsv(records: readonly RunRecord[]): string {
  const lines = [COLUMNS.join(',')];
  for (const { id, createdAt, command, models, samples, scores = [] } of records) {
    const model = (models['model'] ?? Object.values(models)[0])?.name ?? '';
    const add = (...cells: readonly (string | number)[]): void => {
      lines.push([id, createdAt, command, model, ...cells].map(cell).join(','));
    };
    for (const { name, unit, values, warmup = [] } of samples) {
      for (const [index, value] of warmup.entries()) add('warmup', name, unit, index, value, '', '');
      for (const [index, value] of values.entries()) add('sample', name, unit, index, value, '', '');
    }
    for (const { name, unit, value, interval } of scores) add('score', name, unit, '', value, interval?.low ?? '', interval?.high ?? '');
  }
  return `${lines.join('\r\n')}\r\n`;
}

function cell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
