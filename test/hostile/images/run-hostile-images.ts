import { EdgeVlmError } from '../../../src/core/errors.js';
import type { ImagePreprocessing } from '../../../src/core/image.js';
import { ChildProcess } from '../../../src/host/child-process.js';
import type { HostileDecoderProtocol } from '../children/hostile-decoder.js';
import { type HostileReport, type HostileRunOptions, recordCase, REFUSALS } from '../hostile-run.js';
import { hostileImage } from './hostile-image.js';
import type { SeedImage } from './seed-images.js';

/** Three times what the intake allows a picture: the machine may be busy. */
const DEADLINE_MS = 90_000;
/** A picture at the limit has 150 MB of pixels, and is held up to four times on its way. */
const MAX_RSS_BYTES = 1.5e9;
const TILE = 32;
const MEAN = [0.5, 0.5, 0.5] as const;
const PREPROCESSING: readonly [ImagePreprocessing, ImagePreprocessing] = [
  { kind: 'llava', tileSize: TILE, mean: MEAN, std: MEAN },
  { kind: 'idefics3', tileSize: TILE, longestEdge: 4 * TILE, splitting: true, mean: MEAN, std: MEAN },
];

/** Puts hostile pictures, from `report.next` to before `end`, through what happens to a user's picture before a model sees it. */
export async function runHostileImages(
  seeds: readonly SeedImage[],
  report: HostileReport,
  end: number,
  { signal, onCase }: HostileRunOptions = {},
): Promise<void> {
  let child: ChildProcess<HostileDecoderProtocol> | undefined;
  try {
    for (; report.next < end && signal?.aborted !== true; await onCase?.(report)) {
      const decoder = (child ??= await startDecoder());
      const { bytes, what } = hostileImage(seeds, report.campaign, report.next);
      const preprocessing = PREPROCESSING[report.next % 2 === 0 ? 0 : 1];
      await recordCase(report, what, async (fail) => {
        let spent = false;
        try {
          const tiles = await decoder.request('prepare', { bytes, preprocessing }, { deadline_ms: DEADLINE_MS });
          if (tiles.length === 0 || tiles.some((length) => length !== 3 * TILE ** 2)) fail(`became tiles of ${tiles.join(', ')} bytes`);
          return 'sound';
        } catch (thrown) {
          const { code, message } = EdgeVlmError.from(thrown);
          spent = !REFUSALS.has(code);
          if (spent) fail(`${code}: ${message}`);
          return code;
        } finally {
          const peak = spent ? 0 : await decoder.request('peak', null);
          report.peakRssBytes = Math.max(report.peakRssBytes, peak);
          if (peak > MAX_RSS_BYTES) fail(`the process has held ${peak} bytes`);
          // At work still, dead, or too large to tell what the next case takes.
          if (spent || peak > MAX_RSS_BYTES) {
            child = undefined;
            await decoder.stop();
          }
        }
      });
    }
  } finally {
    await child?.stop();
  }
}

function startDecoder(): Promise<ChildProcess<HostileDecoderProtocol>> {
  return ChildProcess.start(new URL('../children/hostile-decoder.ts', import.meta.url), { name: 'the decoder' });
}
