/** Time as the product sees it; tests pass their own. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary moment, below a microsecond in resolution. For durations. */
  now_ms(): number;
  /** Wall time, ISO 8601 in UTC with milliseconds. For records and logs; it may jump. */
  wallTime(): string;
}

export const systemClock: Clock = {
  now_ms: () => performance.now(),
  wallTime: () => new Date().toISOString(),
};
