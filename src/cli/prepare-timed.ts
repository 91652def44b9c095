import type { ImagePreprocessing } from '../core/image.js';
import { prepareImages, type PreparedSource } from '../vision/prepare-images.js';

/** A picture's outcome and how long it took to read, decode and cut it, milliseconds. */
export interface TimedSource {
  readonly path: string;
  readonly outcome: PreparedSource;
  readonly prepare_ms: number;
}

/** `prepareImages` over files, timed. @throws as `prepareImages` */
export async function* prepareTimed(
  paths: readonly string[],
  preprocessing: ImagePreprocessing,
  signal: AbortSignal,
): AsyncGenerator<TimedSource, void, void> {
  const started = new Map<string, number>();
  const took = new Map<string, number>();
  // A source is taken from the iterable when its preparation begins.
  const sources = function* (): Generator<string, void, void> {
    for (const path of paths) {
      started.set(path, performance.now());
      yield path;
    }
  };
  const onProgress = ({ source }: { source: unknown }): void => {
    const path = String(source);
    took.set(path, performance.now() - (started.get(path) ?? NaN));
  };
  const outcomes = prepareImages(sources(), preprocessing, { signal, onProgress });
  for await (const outcome of outcomes) {
    const path = String(outcome.source);
    yield { path, outcome, prepare_ms: took.get(path) ?? 0 };
  }
}
