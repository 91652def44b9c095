import type { WriteStream } from 'node:tty';
import type { Progress, ProgressEvent } from '../core/progress.js';
import { formatBytes } from '../core/units.js';
import { printable } from './printable.js';

/** How often the line is drawn, milliseconds. */
const INTERVAL_MS = 100;
const CLEAR_LINE = '\r\u001b[2K';

/** Draws progress on the last line of a terminal. */
export class ProgressLine {
  #drawn = false;
  #last_ms = -Infinity;

  constructor(private readonly stream: WriteStream) {}

  readonly show: Progress = (event) => {
    if (event.type === 'end') {
      this.clear();
      return;
    }
    const now = performance.now();
    if (now - this.#last_ms < INTERVAL_MS) return;
    this.#last_ms = now;
    this.#drawn = true;
    this.stream.write(CLEAR_LINE + printable(progressText(event)).slice(0, (this.stream.columns || 80) - 1));
  };

  /** Makes room for other output. */
  clear(): void {
    if (!this.#drawn) return;
    this.#drawn = false;
    this.stream.write(CLEAR_LINE);
  }
}

/** `load model: 45% of 7.10 MiB`, `captions: 3 of 10 images`. */
export function progressText(event: Exclude<ProgressEvent, { type: 'end' }>): string {
  const { label, unit, total } = event;
  const done = event.type === 'start' ? 0 : event.done;
  const count = (value: number): string => (unit === 'bytes' ? formatBytes(value) : String(value));
  const name = unit === 'bytes' ? '' : ` ${unit}`;
  if (total === null) return `${label}: ${count(done)}${name}`;
  return unit === 'bytes'
    ? `${label}: ${Math.floor((100 * done) / Math.max(total, 1))}% of ${count(total)}`
    : `${label}: ${count(done)} of ${count(total)}${name}`;
}
