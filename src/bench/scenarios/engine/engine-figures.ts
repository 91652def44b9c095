import type { RunRecord } from '../../../core/run-record.js';
import { median } from '../../../core/sample-summary.js';
import { compareForwardPasses, type Comparison } from './compare-forward-passes.js';
import { BATCH_SIZES } from './engine-scenario.js';

export interface EngineFiguresOptions {
  readonly subject: string;
  readonly peers: readonly string[];
  /** Tokens of the timed prefill. */
  readonly prefill: number;
  /** At how many tokens in the cache decoding is judged. */
  readonly depth: number;
  /** Bytes of weights read for one token; the limit of decoding follows from it. */
  readonly bytesPerToken: number;
}

/** How many times as fast as the first peer that was measured at it, and as each. */
interface Ratio {
  readonly ratio_median: number | null;
  /** Pair by pair. */
  readonly samples: readonly number[];
  /** By peer. */
  readonly medians: Readonly<Record<string, number>>;
}

/** The figures of an engine run by the names that scripts read; null where something was not measured. */
export interface EngineFigures {
  readonly decode: Ratio;
  readonly prefill: Ratio;
  readonly encode: Ratio;
  readonly load: Ratio;
  readonly roofline: { readonly decode_fraction: number | null; readonly samples: readonly number[] };
  readonly host_ms_per_token: number | null;
  /** Of the subject's process, after all measurements. */
  readonly rss_bytes: number | null;
  /** v(1..8): time of a batch of m tokens / time of one. */
  readonly batch_cost: readonly number[];
  /** What the last three were computed from, where it is a list. */
  readonly samples: { readonly host_ms_per_token: readonly number[]; readonly batch_cost: readonly (readonly number[])[] };
}

export function engineFigures(record: RunRecord, options: EngineFiguresOptions): EngineFigures {
  const { subject, peers, depth } = options;
  const values = (name: string): readonly number[] => record.samples.find((list) => list.name === name)?.values ?? [];
  const comparisons = peers.map((peer) => ({ peer, rows: compareForwardPasses(record.samples, subject, peer) }));
  const ratio = (what: string): Ratio => {
    const found = comparisons.flatMap(({ peer, rows }): { peer: string; row: Comparison }[] => {
      const row = rows.find((candidate) => candidate.what === what);
      return row === undefined ? [] : [{ peer, row }];
    });
    return {
      ratio_median: found[0]?.row.ratio.median ?? null,
      samples: found[0]?.row.ratios ?? [],
      medians: Object.fromEntries(found.map(({ peer, row }) => [peer, row.ratio.median])),
    };
  };
  const bandwidth = median(values('machine/read_bandwidth'));
  const fractions = values(`${subject}/decode_at_${depth}`).map((ms) => options.bytesPerToken / (ms / 1000) / bandwidth);
  const host = values(`${subject}/host_at_${depth}`);
  const batches = BATCH_SIZES.map((tokens) => values(`${subject}/batch_of_${tokens}`));
  const [single = []] = batches;
  return {
    decode: ratio(`decode_at_${depth}`),
    prefill: ratio(`prefill_${options.prefill}`),
    encode: ratio('encode'),
    load: ratio('load'),
    roofline: { decode_fraction: orNull(median(fractions)), samples: fractions },
    host_ms_per_token: orNull(median(host)),
    rss_bytes: record.memory[`${subject}:after`]?.rss_bytes ?? null,
    batch_cost: batches.map((times) => median(times) / median(single)),
    samples: { host_ms_per_token: host, batch_cost: batches.map((times) => times.map((ms, i) => ms / (single[i] ?? NaN))) },
  };
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
