import type { RunRecord } from '../../../core/run-record.js';
import { formatBytes } from '../../../core/units.js';
import { compareForwardPasses } from './compare-forward-passes.js';
import { engineFigures, type EngineFiguresOptions } from './engine-figures.js';

/** The figures of an engine run as a Markdown table: medians with their spread, beside the peers and the limit. */
export function engineReport(record: RunRecord, options: EngineFiguresOptions): string[] {
  const { subject, peers, prefill, bytesPerToken } = options;
  const bandwidth = record.summary['machine/read_bandwidth']?.median;
  const ratios = peers.map((peer) => ({
    peer,
    rows: new Map(compareForwardPasses(record.samples, subject, peer).map((row) => [row.what, row.ratio])),
  }));
  const rows = record.samples
    .filter(({ name }) => name.startsWith(`${subject}/`) && !name.startsWith(`${subject}/batch_of_`))
    .map(({ name }) => {
      const what = name.slice(subject.length + 1);
      const show = (runtime: string): string => figure(record, `${runtime}/${what}`, what, prefill);
      const against = ratios.map(({ peer, rows: byName }) => {
        const ratio = byName.get(what);
        return ratio === undefined ? ' – | – |' : ` ${show(peer)} | ${fixed(ratio.median)}× (${fixed(ratio.min)}–${fixed(ratio.max)}) |`;
      });
      return `| ${what} | ${show(subject)} |${against.join('')} ${limit(record, name, what, bandwidth, bytesPerToken)} |`;
    });
  const { batch_cost } = engineFigures(record, options);
  return [
    `| | ${subject} |${peers.map((peer) => ` ${peer} | ratio (min–max) |`).join('')} limit |`,
    `|---|---|${'---|---|'.repeat(peers.length)}---|`,
    ...rows,
    '',
    `Time of 1 to 8 tokens at once, in times of one: ${batch_cost.map((cost) => cost.toFixed(2)).join(', ')}.`,
    ...(bandwidth === undefined ? [] : [`Memory reads: ${formatBytes(bandwidth)}/s with the same number of threads.`]),
    ...Object.entries(record.memory).flatMap(([moment, { rss_bytes }]) =>
      rss_bytes === null ? [] : [`RSS ${moment}: ${formatBytes(rss_bytes)}.`],
    ),
    ...record.verdicts.filter(({ name }) => !name.startsWith(NOISE)).map(({ name, outcome, detail }) => `${outcome}: ${name}: ${detail}`),
    ...noiseLine(record),
    ...record.notes,
  ];
}

/** Prefix of the verdicts that every record carries for lists that scatter too much; the table shows by how much. */
const NOISE = 'noise:';

function noiseLine(record: RunRecord): string[] {
  const noisy = record.verdicts.filter(({ name }) => name.startsWith(NOISE)).map(({ name }) => name.slice(NOISE.length));
  return noisy.length === 0 ? [] : [`Too noisy to compare by themselves: ${noisy.join(', ')}.`];
}

/** A time as users think of it: tokens per second where tokens are counted. */
function figure(record: RunRecord, name: string, what: string, prefill: number): string {
  const summary = record.summary[name];
  if (summary === undefined) return '–';
  const spread = summary.cv === null ? '' : ` ± ${(summary.cv * 100).toFixed(1)}%`;
  if (what.startsWith('prefill')) return `${((prefill * 1000) / summary.median).toFixed(1)} tok/s${spread}`;
  if (what.startsWith('decode')) return `${(1000 / summary.median).toFixed(1)} tok/s${spread}`;
  return `${summary.median.toFixed(what.startsWith('host') ? 3 : 0)} ms${spread}`;
}

/** Decoding reads every weight once a token, so the memory bounds it. */
function limit(record: RunRecord, name: string, what: string, bandwidth: number | undefined, bytesPerToken: number): string {
  const median = record.summary[name]?.median;
  if (!what.startsWith('decode') || bandwidth === undefined || median === undefined) return '';
  const reached = bytesPerToken / (median / 1000) / bandwidth;
  return `${(bandwidth / bytesPerToken).toFixed(1)} tok/s by memory; ${(reached * 100).toFixed(0)}% reached`;
}

function fixed(value: number): string {
  return value.toFixed(3);
}
