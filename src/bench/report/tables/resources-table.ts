import type { ResourceUse } from '../../../core/probe.js';
import { asBytes, asCount, asDuration, asQuantity, asShare, orNone } from '../figures.js';
import type { LabelledRun } from '../labelled-run.js';
import type { Cell, Figure, ReportTable } from '../table.js';

type Row = readonly [title: string, show: (value: number) => Cell, of: (use: ResourceUse) => number | null];

const inUnit =
  (unit: string) =>
  (value: number): Figure => ({ text: `${asQuantity(value).text} ${unit}`, value });

const ROWS: readonly Row[] = [
  ['processor time', asDuration, ({ cpu }) => cpu.time_ms],
  ['processor time / duration', inUnit('cores'), ({ cpu }) => cpu.cores],
  ['… of all cores of the machine', asShare, ({ cpu }) => cpu.share],
  ['peak RSS', asBytes, ({ memory }) => memory.peakRss_bytes],
  ['peak PSS', asBytes, ({ memory }) => memory.peakPss_bytes],
  ['peak anonymous RSS', asBytes, ({ memory }) => memory.peakRssAnon_bytes],
  ['most swapped', asBytes, ({ memory }) => memory.peakSwap_bytes],
  ["sum of each process's own peak RSS", asBytes, ({ memory }) => memory.sumOfPeakRss_bytes],
  ['processes at one time', asCount, ({ memory }) => memory.processes],
  ['power of the processor (whole machine)', inUnit('W'), ({ power }) => power.package_watts],
  ['energy of the processor', inUnit('J'), ({ power }) => power.package_joules],
  ['power of the memory', inUnit('W'), ({ power }) => power.dram_watts],
  ['energy of the memory', inUnit('J'), ({ power }) => power.dram_joules],
  ['power of the graphics cards', inUnit('W'), ({ power }) => power.gpu_watts],
  ['energy of the graphics cards', inUnit('J'), ({ power }) => power.gpu_joules],
  ['peak memory on cards, of the processes', asBytes, ({ vram }) => vram.peak_bytes],
  ['peak memory on cards, of all programs', asBytes, ({ vram }) => vram.devicePeak_bytes],
  ['memory of the cards', asBytes, ({ vram }) => vram.total_bytes],
  ['sampled for', asDuration, ({ duration_ms }) => duration_ms],
  ['wanted time between readings', asDuration, ({ sampling }) => sampling.interval_ms],
  ['readings', asCount, ({ sampling }) => sampling.readings],
  ['mean time of a reading', asDuration, ({ sampling }) => sampling.cost_ms],
  ['longest reading', asDuration, ({ sampling }) => sampling.maxCost_ms],
  ['share of the time spent reading', asShare, ({ sampling }) => sampling.share],
];

/** What the processes of each run used, and what finding that out cost; rows that no run knows are left out. */
export function resourcesTable(runs: readonly LabelledRun[]): ReportTable {
  return {
    caption: 'Of the processes of a run and all that they started, unless it says otherwise; peaks are the highest sums seen',
    columns: ['', ...runs.map(({ label }) => label)],
    rows: ROWS.filter(([, , of]) => runs.some(({ record: { resources } }) => resources !== undefined && of(resources) !== null)).map(
      ([title, show, of]): Cell[] => [
        title,
        ...runs.map(({ record: { resources } }) => orNone(resources === undefined ? null : of(resources), show)),
      ],
    ),
  };
}

/** The graphics cards of the machine. */
export function gpusTable(runs: readonly LabelledRun[]): ReportTable {
  return {
    caption: 'Graphics cards, with everything on them',
    columns: ['run', 'card', 'use', 'hottest', 'mean power', 'peak power', 'peak memory', 'memory'],
    rows: runs.flatMap(({ label, record }) =>
      (record.resources?.gpus ?? []).map((gpu): Cell[] => [
        label,
        gpu.name,
        orNone(gpu.utilisation, asShare),
        orNone(gpu.temperature_celsius, inUnit('°C')),
        orNone(gpu.power_watts, inUnit('W')),
        orNone(gpu.peakPower_watts, inUnit('W')),
        orNone(gpu.peakUsed_bytes, asBytes),
        orNone(gpu.total_bytes, asBytes),
      ]),
    ),
  };
}
