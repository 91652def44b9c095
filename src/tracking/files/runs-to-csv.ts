import type { RunRecord } from '../../core/run-record.js';

const COLUMNS = ['run', 'created_at', 'command', 'model', 'kind', 'name', 'unit', 'index', 'value', 'low', 'high'] as const;

/**
 * Every value of every run, one a row (RFC 4180): samples and warm-up in their order, scores with their interval, memory by moment, what
 * the sampler found, and readings over time, whose index is the time in milliseconds. What a spreadsheet would take for a formula is led
 * by an apostrophe.
 */
export function runsToCsv(records: readonly RunRecord[]): string {
  const lines = [COLUMNS.join(',')];
  for (const { id, createdAt, command, models, samples, scores = [], memory, thermal, resources } of records) {
    const model = (models['model'] ?? Object.values(models)[0])?.name ?? '';
    const add = (...cells: readonly (string | number)[]): void => {
      lines.push([id, createdAt, command, model, ...cells].map(cell).join(','));
    };
    for (const { name, unit, values, warmup = [] } of samples) {
      for (const [index, value] of warmup.entries()) add('warmup', name, unit, index, value, '', '');
      for (const [index, value] of values.entries()) add('sample', name, unit, index, value, '', '');
    }
    for (const { name, unit, value, interval } of scores) add('score', name, unit, '', value, interval?.low ?? '', interval?.high ?? '');
    for (const [moment, reading] of Object.entries(memory)) addFields('memory', moment, '', reading, add);
    for (const { time_ms, ...reading } of thermal.during) addFields('thermal', '', time_ms, reading, add);
    if (resources === undefined) continue;
    const { cpu, memory: peaks, power, vram, series } = resources;
    for (const [name, part] of Object.entries({ cpu, memory: peaks, power, vram })) addFields('resource', name, '', part, add);
    for (const { name, unit, time_ms, values } of series) {
      for (const [index, value] of values.entries()) add('series', name, unit, time_ms[index] ?? '', value, '', '');
    }
  }
  return `${lines.join('\r\n')}\r\n`;
}

/** The unit is the end of a field's name: `peakRss_bytes`. Fields that are null, or no numbers, have no row. */
function addFields(
  kind: string,
  prefix: string,
  index: number | '',
  fields: Readonly<Record<string, unknown>>,
  add: (...cells: readonly (string | number)[]) => void,
): void {
  for (const [field, value] of Object.entries(fields)) {
    if (typeof value !== 'number') continue;
    const [name = '', unit = ''] = field.split('_');
    add(kind, prefix === '' ? name : `${prefix}.${name}`, unit === '' ? (UNITS[name] ?? '') : unit, index, value, '', '');
  }
}

const UNITS: Readonly<Record<string, string>> = { cores: 'cores', share: 'fraction', processes: 'count', throttleEvents: 'count' };

function cell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
