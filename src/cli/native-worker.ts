import { checkModel } from '../convert/check/check-model.js';
import { quantiseFile } from '../convert/quantise/quantise-file.js';
import { synthesizeModel } from '../convert/synthesize/synthesize-model.js';
import type { Progress, ProgressEvent } from '../core/progress.js';
import { serve } from '../host/child.js';
import { calibrateModel } from './calibration/calibrate-model.js';
import { compareForced } from './forced/compare-forced.js';
import type { NativeProtocol } from './native-protocol.js';

/** How often progress is passed on, milliseconds. */
const INTERVAL_MS = 100;

await serve<NativeProtocol>({
  async *quantise(request, signal) {
    yield* reported((onProgress) => quantiseFile(request, { onProgress, signal }));
    return null;
  },
  async *synthesize(request, signal) {
    return yield* reported((onProgress) => synthesizeModel(request, { onProgress, signal }));
  },
  async *check(request, signal) {
    return yield* reported((onProgress) => checkModel({ ...request, onProgress, signal }));
  },
  async *calibrate(request, signal) {
    return yield* reported((onProgress) => calibrateModel(request, { onProgress, signal }));
  },
  async *compareForced(request, signal) {
    return yield* reported((onProgress) => compareForced(request, { onProgress, signal }));
  },
});

/** Yields the newest progress while work goes on, and returns its result. */
async function* reported<T>(start: (onProgress: Progress) => Promise<T>): AsyncGenerator<ProgressEvent, T, undefined> {
  let newest: ProgressEvent | undefined;
  const work = start((event) => {
    newest = event;
  });
  for (let settled = false; !settled;) {
    settled = await Promise.race([
      work.then(
        () => true,
        () => true,
      ),
      new Promise<false>((resolve) => setTimeout(resolve, INTERVAL_MS, false)),
    ]);
    if (newest !== undefined) yield newest;
    newest = undefined;
  }
  return work;
}
