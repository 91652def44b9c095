/** What is being counted; the printed unit of a progress bar. */
export type ProgressUnit =
  'bytes' | 'files' | 'images' | 'albums' | 'tokens' | 'tensors' | 'repetitions' | 'prompts' | 'requests' | 'cells';

/** `done` and `total` count `unit`s; `total` is null while nobody knows it. `label` names the work and joins its events. */
export type ProgressEvent =
  | { readonly type: 'start'; readonly label: string; readonly unit: ProgressUnit; readonly total: number | null }
  | { readonly type: 'advance'; readonly label: string; readonly unit: ProgressUnit; readonly done: number; readonly total: number | null }
  | { readonly type: 'end'; readonly label: string; readonly unit: ProgressUnit; readonly done: number };

/** Where long work reports to. It must not throw and is called on the working path, so it must be cheap. */
export type Progress = (event: ProgressEvent) => void;

/** For callers who do not watch. */
export const NO_PROGRESS: Progress = () => undefined;

/** One piece of work that reports; every `start` is followed by exactly one `end`. */
export class ProgressTask {
  private done = 0;
  private ended = false;

  constructor(
    private readonly progress: Progress,
    private readonly work: { readonly label: string; readonly unit: ProgressUnit; readonly total: number | null },
  ) {
    progress({ type: 'start', ...work });
  }

  /** Counts `by` more units as done. */
  advance(by = 1): void {
    this.done += by;
    this.progress({ type: 'advance', ...this.work, done: this.done });
  }

  /** Safe to call twice, so it can stand in a `finally`. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.progress({ type: 'end', label: this.work.label, unit: this.work.unit, done: this.done });
  }
}
