import type { TimeSeries } from '../../../core/probe.js';
import type { RunRecord } from '../../../core/run-record.js';
import { formatDuration } from '../../../core/units.js';
import { binaryUnitOf } from '../charts/binary-unit.js';
import { lineChart } from '../charts/line-chart.js';
import { asCount, asQuantity, asUnit, NO_VALUE } from '../figures.js';
import type { LabelledRun } from '../labelled-run.js';
import type { ReportPart } from '../report-section.js';
import type { Cell, Figure } from '../table.js';

interface Quantity {
  readonly title: string;
  readonly description: string;
}

/** What is known of the series of the sampler, in the order of the page. */
const QUANTITIES: Readonly<Record<string, Quantity>> = {
  rss: { title: 'Resident memory', description: 'Of all the processes of the run together; pages they share count for each.' },
  rss_anonymous: { title: 'Anonymous memory', description: 'Resident memory without mapped files: what a leak grows.' },
  cpu: { title: 'Processor', description: 'How many cores the processes of the run kept busy.' },
  temperature: { title: 'Temperature', description: 'The hottest zone of the machine.' },
  frequency: { title: 'Clock', description: 'Mean over the cores of the machine.' },
  package_power: { title: 'Power of the processor', description: 'Of the whole machine, by RAPL.' },
  gpu_power: { title: 'Power of the graphics cards', description: 'Of all cards together, by nvidia-smi.' },
  gpu_utilisation: { title: 'Use of the busiest graphics card', description: 'Share of the time in which a kernel ran.' },
  vram: { title: 'Memory of the graphics cards', description: 'Of the processes of the run.' },
};
/** Lines beyond these could not be told apart. */
const MAX_LINES = 16;

/** A chart over time for each quantity that was sampled, heat and clock included. */
export function timeSeriesFigures(runs: readonly LabelledRun[]): ReportPart[] {
  const all = runs.map(({ label, record }) => ({ label, series: seriesOf(record) }));
  const names = [...new Set([...Object.keys(QUANTITIES), ...all.flatMap(({ series }) => series.map(({ name }) => name))])];
  return names.flatMap((name): ReportPart[] => {
    const found = all.flatMap(({ label, series }) => series.filter((each) => each.name === name).map((each) => ({ label, ...each })));
    // A single point is no course.
    const rows = found.filter(({ values }) => values.length > 1);
    const unit = rows[0]?.unit;
    return unit === undefined ? [] : [seriesFigure(QUANTITIES[name] ?? { title: name, description: '' }, unit, rows)];
  });
}

function seriesFigure(
  { title, description }: Quantity,
  unit: string,
  rows: readonly (TimeSeries & { readonly label: string })[],
): ReportPart {
  const left = rows.length > MAX_LINES ? ` The first ${MAX_LINES} of ${rows.length} runs are drawn.` : '';
  const text = { title: `${title} over time`, description: `${description}${left}` };
  const highest = rows.map(({ values }) => values.reduce((most, value) => Math.max(most, value), 0));
  const lines = rows.slice(0, MAX_LINES).map(({ label, time_ms, values }) => ({
    label,
    points: values.map((value, at) => [time_ms[at] ?? 0, value] as const),
  }));
  // Heat and clock move a little around something large; the others are read from nothing.
  const isLevel = unit === '°C' || unit === 'MHz';
  const chart = lineChart({
    ...text,
    lines,
    formatX: formatDuration,
    formatY: (value) => figureOf(value, unit).text,
    unitY: unit === 'bytes' ? binaryUnitOf(highest) : undefined,
    fromY: isLevel ? undefined : 0,
  });
  return {
    kind: 'figure',
    text,
    chart,
    table: {
      caption: `${title}: readings`,
      columns: ['run', 'n', 'first', 'least', 'mean', 'most', 'last'],
      rows: rows.map(({ label, values }): Cell[] => {
        const show = (value: number | undefined): Cell => (value === undefined ? NO_VALUE : figureOf(value, unit));
        const [least, most] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        return [label, asCount(values.length), ...[values[0], least, mean, most, values.at(-1)].map(show)];
      }),
    },
  };
}

/** The sampler's series, and the ledger of heat and clock as two more. Lists of different lengths are cut to the shorter. */
function seriesOf({ resources, thermal }: RunRecord): TimeSeries[] {
  const ledger = (name: string, unit: string, of: (reading: (typeof thermal.during)[number]) => number | null): TimeSeries => {
    const known = thermal.during.flatMap((reading): [number, number][] => {
      const value = of(reading);
      return value === null ? [] : [[reading.time_ms, value]];
    });
    return { name, unit, time_ms: known.map(([time_ms]) => time_ms), values: known.map(([, value]) => value) };
  };
  return [
    ...(resources?.series ?? []).map(({ time_ms, values, ...rest }) => ({ ...rest, time_ms, values: values.slice(0, time_ms.length) })),
    ledger('temperature', '°C', ({ temperature_celsius }) => temperature_celsius),
    ledger('frequency', 'MHz', ({ frequency_mhz }) => frequency_mhz),
  ];
}

function figureOf(value: number, unit: string): Figure {
  if (unit === 'bytes' || unit === 'fraction') return asUnit(value, unit);
  const { text } = asQuantity(value);
  return { text: `${text} ${unit}`, value };
}
