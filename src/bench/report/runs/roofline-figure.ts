import type { RunRecord } from '../../../core/run-record.js';
import { formatBytes, formatRate } from '../../../core/units.js';
import { rooflineChart, type RooflinePoint } from '../charts/roofline-chart.js';
import { asBytes, asQuantity, asShare } from '../figures.js';
import type { LabelledRun } from '../labelled-run.js';
import type { ReportPart } from '../report-section.js';
import type { Figure } from '../table.js';

const BANDWIDTH = 'machine/read_bandwidth';
/** Times of one token after another: `tpot_ms`, `engine/decode_at_256`. */
const DECODING = /(^|\/)(tpot(_ms)?|decode_at_\d+)$/;

interface Point extends RooflinePoint {
  readonly bandwidth: number;
}

/** How near decoding comes to the speed of the memory; none where the memory was not measured. */
export function rooflineFigure(runs: readonly LabelledRun[]): ReportPart[] {
  const points = runs.flatMap((run) => pointsOf(run, runs.length > 1));
  if (points.length === 0) return [];
  const bandwidth = Math.max(...points.map((point) => point.bandwidth));
  const text = {
    title: 'Decoding beside the limit of the memory',
    description:
      `Every weight is read once for each token, so tokens per second are at most bandwidth / bytes. The line is the highest ` +
      `measured read bandwidth, ${formatBytes(bandwidth)} per second; shares are of the run's own. Bytes are the setting ` +
      `bytes_per_token or, without it, the size of the model file; the cache, read as well, is not counted.`,
  };
  const rate = (value: number): Figure => ({ text: formatRate(value, 'tok'), value });
  return [
    {
      kind: 'figure',
      text,
      chart: rooflineChart({ ...text, bandwidth, points, formatBytes }),
      table: {
        caption: 'Medians',
        columns: ['decoding', 'bytes per token', 'read bandwidth, /s', 'limit', 'reached', 'share'],
        rows: points.map(({ label, bytesPerToken, tokensPerSecond, bandwidth: own }) => [
          label,
          asBytes(bytesPerToken),
          asBytes(own),
          rate(own / bytesPerToken),
          rate(tokensPerSecond),
          own > 0 ? asShare((tokensPerSecond * bytesPerToken) / own) : asQuantity(0),
        ]),
      },
    },
  ];
}

function pointsOf({ label, record }: LabelledRun, several: boolean): Point[] {
  const bandwidth = record.summary[BANDWIDTH]?.median ?? 0;
  const bytesPerToken = bytesOf(record);
  if (!(bandwidth > 0) || !(bytesPerToken > 0)) return [];
  return record.samples.flatMap(({ name, unit }): Point[] => {
    const time_ms = record.summary[name]?.median ?? 0;
    if (unit !== 'ms/token' || !DECODING.test(name) || !(time_ms > 0)) return [];
    return [{ label: several ? `${label} ${name}` : name, bandwidth, bytesPerToken, tokensPerSecond: 1000 / time_ms }];
  });
}

function bytesOf({ settings, models }: RunRecord): number {
  const told = settings.effective['bytes_per_token'];
  return typeof told === 'number' ? told : (models['model']?.bytes ?? 0);
}
