import type { ErrorCode } from '../../src/core/errors.js';

/** How a case ended: it was taken as sound, or refused with one of our codes. */
type Outcome = 'sound' | ErrorCode;

/** A case that ended in another way than it may. */
interface HostileFailure {
  readonly index: number;
  readonly what: string;
  readonly reason: string;
}

/** What came of the cases from `first` to before `next`. */
export interface HostileReport {
  readonly campaign: number;
  readonly first: number;
  next: number;
  readonly outcomes: Partial<Record<Outcome, number>>;
  readonly failures: HostileFailure[];
  /** Longest case, and its index. */
  slowest_ms: number;
  slowest: number;
  /** Most memory that the process held, bytes. */
  peakRssBytes: number;
}

export interface HostileRunOptions {
  readonly signal?: AbortSignal;
  /** Called after each case. */
  readonly onCase?: (report: HostileReport) => void | Promise<void>;
}

export type Fail = (reason: string) => void;

export function emptyReport(campaign: number, first = 0): HostileReport {
  return { campaign, first, next: first, outcomes: {}, failures: [], slowest_ms: 0, slowest: first, peakRssBytes: 0 };
}

/** What a file may be refused with; every other code is a fault of ours or a death of the process. */
export const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...(['GGUF_INVALID', 'GGUF_TRUNCATED', 'GGUF_LIMIT', 'MODEL_UNSUPPORTED', 'MODEL_INCOMPLETE', 'MMPROJ_MISMATCH'] as const),
  ...(['TEMPLATE_FAILED', 'TOKENIZER_FAILED', 'CONTEXT_FULL', 'OUT_OF_MEMORY'] as const),
  ...(['IMAGE_UNSUPPORTED', 'IMAGE_CORRUPT', 'IMAGE_TOO_LARGE'] as const),
]);

/** Runs the report's next case and notes how it ended. */
export async function recordCase(report: HostileReport, what: string, run: (fail: Fail) => Promise<Outcome>): Promise<void> {
  const index = report.next++;
  const start = performance.now();
  const outcome = await run((reason) => report.failures.push({ index, what, reason }));
  const took = performance.now() - start;
  report.outcomes[outcome] = (report.outcomes[outcome] ?? 0) + 1;
  if (took > report.slowest_ms) Object.assign(report, { slowest_ms: took, slowest: index });
}
