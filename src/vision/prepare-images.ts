import { availableParallelism } from 'node:os';
import { EdgeVlmError } from '../core/errors.js';
import type { ImagePreprocessing, PreparedImage } from '../core/image.js';
import type { ImageLimits } from './intake/image-limits.js';
import type { ImageSource } from './intake/read-image-bytes.js';
import { prepareImage } from './prepare-image.js';

/** One picture's outcome. A picture that fails does not stop the others. */
export type PreparedSource =
  { readonly source: ImageSource; readonly image: PreparedImage } | { readonly source: ImageSource; readonly error: EdgeVlmError };

export interface PrepareImagesOptions {
  /**
   * How many pictures may be in preparation or waiting for the consumer at once, at least 1. It bounds memory: one in preparation
   * takes up to some 15 bytes a pixel. Default: the number of cores, at most 4.
   */
  readonly concurrency?: number;
  /** Applied to each picture. */
  readonly limits?: ImageLimits;
  /** Stops the stream with `CANCELLED`; preparation already under way is finished and dropped. */
  readonly signal?: AbortSignal;
  /** Called when a picture is ready or has failed, which may be ahead of its turn; `prepared` counts both. */
  readonly onProgress?: (progress: { readonly prepared: number; readonly source: ImageSource }) => void;
}

/**
 * Prepares pictures ahead of the consumer: while it works on one, the next ones are read, decoded and cut. Results come in the
 * order of `sources`, which is read only as far as needed, so a folder of any size uses the memory of `concurrency` pictures.
 *
 * @throws EdgeVlmError `CANCELLED` when `signal` aborts, `USAGE` for a senseless `concurrency`; a picture's own failure is yielded
 */
export async function* prepareImages(
  sources: Iterable<ImageSource> | AsyncIterable<ImageSource>,
  preprocessing: ImagePreprocessing,
  { concurrency = Math.min(4, availableParallelism()), limits, signal, onProgress }: PrepareImagesOptions = {},
): AsyncGenerator<PreparedSource, void, void> {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new EdgeVlmError('USAGE', `concurrency must be an integer of at least 1, not ${concurrency}`);
  }
  let prepared = 0;
  const prepare = async (source: ImageSource): Promise<PreparedSource> => {
    const outcome = await prepareImage(source, preprocessing, limits).then(
      (image) => ({ source, image }),
      (error: unknown) => ({ source, error: EdgeVlmError.from(error) }),
    );
    prepared++;
    if (signal?.aborted !== true) onProgress?.({ prepared, source });
    return outcome;
  };

  // Whatever the iterable is, an async generator over it closes it when it is closed itself.
  const remaining = (async function* () {
    yield* sources;
  })();
  const window: Promise<PreparedSource>[] = [];
  try {
    for (let exhausted = false; ;) {
      while (!exhausted && window.length < concurrency) {
        const next = await unlessAborted(remaining.next(), signal);
        if (next.done === true) {
          exhausted = true;
        } else {
          const outcome = prepare(next.value);
          // It rejects only when `onProgress` throws; that surfaces when its turn comes, not as an unhandled rejection before.
          outcome.catch(() => undefined);
          window.push(outcome);
        }
      }
      const first = window.shift();
      if (first === undefined) return;
      yield await unlessAborted(first, signal);
    }
  } finally {
    // Not awaited: after an abort the generator may still be busy finding the next source.
    remaining.return(undefined).catch(() => undefined);
  }
}

/** `promise`, or `CANCELLED` as soon as the signal aborts. Leaves no listener behind. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(new EdgeVlmError('CANCELLED', 'the preparation of pictures was cancelled', { cause: signal.reason }));
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    void promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', abort);
    });
  });
}
