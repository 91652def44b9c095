import { mannWhitney } from './mann-whitney.js';
import { minimumSamples } from './percentiles.js';
import type { GeneratorAudit, Samples, ThermalLedger, Verdict } from './record-parts.js';
import { median, OUTLIER_MADS, type SampleSummary } from './sample-summary.js';

/** How unlikely the difference between the first and the last third must be by chance, and how large, to be called drift. */
const DRIFT_P = 0.01;
const DRIFT_SHARE = 0.05;
/** Below this not even the median has a bound, and every percentile is an estimate. */
const FEWEST_FOR_BOUNDS = 11;
/** What a load generator may do to its own figures (docs/PLANS.md): a blocked event loop times late, a late start hides a queue. */
const WORST_EVENT_LOOP_P99_MS = 10;
const WORST_START_P99_MS = 1;
const WORST_CPU_SHARE = 0.9;

/**
 * What can be told from the samples of one list: `noise:<name>` where repetitions scatter by more than 20%, `drift:<name>` where the
 * last third differs from the first, `outliers:<name>`, and `percentile:<name>` which of the percentiles are bounded. Nothing is said
 * of numbers of items that are no times, such as how many objects of each picture were found.
 */
export function sampleVerdicts(samples: Samples, summary: SampleSummary): Verdict[] {
  const { over, unit } = samples;
  const isTimed = /^(µs|ms|s)(\/|$)|\/s$/.test(unit);
  if (over === 'items' && !isTimed) return [];
  return [...noise(samples, summary), ...drift(samples), ...outliers(samples, summary), ...percentiles(samples, summary)];
}

/** `thermal:throttling` and `thermal:governor`, where either was seen to change while samples were taken. */
export function thermalVerdicts({ before, after, during }: ThermalLedger): Verdict[] {
  const events = [before, ...during, after].map(({ throttleEvents }) => throttleEvents).filter((count) => count !== null);
  const rise = Math.max(...events) - Math.min(...events);
  const governors = new Set(during.map(({ governor }) => governor).filter((governor) => governor !== null));
  return [
    ...(events.length > 1 && rise > 0
      ? [
          verdict(
            'thermal:throttling',
            'fail',
            `the processor slowed itself down ${rise} times while samples were taken: cool it and measure again`,
          ),
        ]
      : []),
    ...(governors.size > 1
      ? [
          verdict(
            'thermal:governor',
            'inconclusive',
            `the frequency governor changed while samples were taken: ${[...governors].join(', ')}`,
          ),
        ]
      : []),
  ];
}

/** `generator:event_loop`, `generator:cpu` and `generator:schedule`: whether the process that measured was itself in the way. */
export function generatorVerdicts({ eventLoopDelay_ms, cpuShare, startDelay_ms }: GeneratorAudit): Verdict[] {
  const judge = (name: string, value: number, worst: number, words: (value: string, worst: string) => string): Verdict =>
    verdict(`generator:${name}`, value <= worst ? 'pass' : 'fail', words(value.toPrecision(3), String(worst)));
  return [
    judge('event_loop', eventLoopDelay_ms.p99, WORST_EVENT_LOOP_P99_MS, (p99, worst) => {
      return `the event loop that takes the times was late by ${p99} ms at p99; up to ${worst} ms is allowed`;
    }),
    judge(
      'cpu',
      cpuShare,
      WORST_CPU_SHARE,
      (share, worst) => `the measuring process kept ${share} of a core busy; up to ${worst} is allowed`,
    ),
    ...(startDelay_ms === null
      ? []
      : [
          judge('schedule', startDelay_ms.p99, WORST_START_P99_MS, (p99, worst) => {
            return `requests started ${p99} ms after their time at p99; up to ${worst} ms is allowed`;
          }),
        ]),
  ];
}

function verdict(name: string, outcome: Verdict['outcome'], detail: string): Verdict {
  return { name, outcome, detail };
}

function noise({ name, over }: Samples, { noise, cv, n }: SampleSummary): Verdict[] {
  if (over === 'items' || noise !== 'too noisy') return [];
  const detail = `coefficient of variation ${percent(cv ?? 0)} over ${n} samples: too noisy to compare`;
  return [verdict(`noise:${name}`, 'inconclusive', detail)];
}

/** Heat, a filling cache or another program: the mean of what is not one distribution means little. */
function drift({ name, values, over }: Samples): Verdict[] {
  const third = Math.floor(values.length / 3);
  const [first, last] = [values.slice(0, third), values.slice(values.length - third)];
  const change = median(last) / median(first) - 1;
  const p = mannWhitney(first, last);
  if (!(p < DRIFT_P) || !(Math.abs(change) > DRIFT_SHARE)) return [];
  const cause =
    over === 'items' ? 'either the machine changed or the later items are of another kind' : 'the machine changed while it was measured';
  const detail = `the median of the last ${third} samples is ${change > 0 ? '+' : ''}${percent(change)} beside that of the first ${third} (Mann-Whitney p = ${p.toExponential(1)}): ${cause}`;
  return [verdict(`drift:${name}`, 'inconclusive', detail)];
}

function outliers({ name, values, over }: Samples, { outliers, median, mad }: SampleSummary): Verdict[] {
  if (outliers === 0 || over === 'items') return [];
  const far = values.flatMap((value, at) => (Math.abs(value - median) > OUTLIER_MADS * mad ? [at] : []));
  const places = far.length > 5 ? `${far.slice(0, 5).join(', ')}, …` : far.join(', ');
  const detail = `${outliers} of ${values.length} samples lie more than ${OUTLIER_MADS} median absolute deviations from the median (at ${places}); they are counted like the others`;
  return [verdict(`outliers:${name}`, 'inconclusive', detail)];
}

function percentiles({ name }: Samples, { n, percentiles }: SampleSummary): Verdict[] {
  if (n < FEWEST_FOR_BOUNDS) return [];
  const label = (p: number): string => `p${Number((100 * p).toFixed(3))}`;
  const bounded = percentiles.filter(({ status }) => status === 'bounded').map(({ p }) => label(p));
  const estimates = percentiles.filter(({ status }) => status === 'estimate').map(({ p }) => `${label(p)} (from ${minimumSamples(p)})`);
  const parts = [
    ...(bounded.length === 0 ? [] : [`${bounded.join(', ')} bounded at 99% confidence`]),
    ...(estimates.length === 0 ? [] : [`${estimates.join(', ')} estimate`]),
  ];
  return [verdict(`percentile:${name}`, estimates.length === 0 ? 'pass' : 'inconclusive', `${parts.join('; ')}, n = ${n}`)];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
