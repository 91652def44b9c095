import type { RunRecord } from '../../core/run-record.js';

/** A section for each run: what was measured on what, its figures as tables, verdicts and notes. */
export function runsToMarkdown(records: readonly RunRecord[]): string {
  return records.map((record) => `${sectionOf(record).join('\n')}\n`).join('\n');
}

function sectionOf({
  id,
  createdAt,
  command,
  models,
  dataset,
  settings,
  environment,
  samples,
  summary,
  scores = [],
  verdicts,
  notes,
}: RunRecord): string[] {
  const units = new Map(samples.map(({ name, unit }) => [name, unit]));
  const { cpu } = environment;
  const facts: [string, string][] = [
    ['run', id],
    ['made', createdAt],
    ...Object.entries(models).map(([role, { name, precision }]) => [role, `${name} (${precision})`] satisfies [string, string]),
    ...(dataset === null ? [] : [['data set', `${dataset.name} (${dataset.items} items)`] satisfies [string, string]]),
    [
      'settings',
      Object.entries(settings.effective)
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
    ],
    ['machine', `${cpu.model ?? cpu.architecture}, ${cpu.logicalCores} logical cores, ${environment.os}`],
  ];
  return [
    `## ${escape(command)}, ${createdAt}`,
    '',
    ...facts.map(([name, value]) => `* ${name}: ${escape(value)}`),
    ...table(
      ['measured', 'unit', 'n', 'median', 'mean', 'stdev', 'min', 'max', 'noise'],
      Object.entries(summary).map(([name, { n, median, mean, stdev, min, max, noise }]) => [
        name,
        units.get(name) ?? '',
        String(n),
        ...[median, mean, stdev, min, max].map(figure),
        noise ?? '-',
      ]),
    ),
    ...table(
      ['score', 'unit', 'value', 'interval', 'n'],
      scores.map(({ name, unit, value, n, interval }) => [
        name,
        unit,
        figure(value),
        interval === null ? '-' : `${figure(interval.low)} to ${figure(interval.high)} (${100 * interval.level}%)`,
        String(n),
      ]),
    ),
    ...table(
      ['verdict', 'outcome', 'why'],
      verdicts.map(({ name, outcome, detail }) => [name, outcome, detail]),
    ),
    ...(notes.length === 0 ? [] : ['', ...notes.map((note) => `* ${escape(note)}`)]),
  ];
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]): string => `| ${cells.map(escape).join(' | ')} |`;
  return ['', line(headings), `|${headings.map(() => ' --- ').join('|')}|`, ...rows.map(line)];
}

/** Four significant digits, as many as a benchmark can vouch for. */
function figure(value: number | null): string {
  return value === null ? '-' : String(Number(value.toPrecision(4)));
}

/** Names may come from anywhere; in a table they must stay in their cell. */
function escape(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\|<>]/g, '\\$&');
}
