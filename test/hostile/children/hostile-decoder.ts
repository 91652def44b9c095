import type { ImagePreprocessing } from '../../../src/core/image.js';
import { serve } from '../../../src/host/child.js';
import { prepareImage } from '../../../src/vision/prepare-image.js';

/** A process that takes in pictures as the command line does; shared with the runner. */
export interface HostileDecoderProtocol {
  prepare: {
    request: { readonly bytes: Uint8Array; readonly preprocessing: ImagePreprocessing };
    event: never;
    /** Bytes of each tile. */
    result: number[];
  };
  /** Most bytes of memory ever held. */
  peak: { request: null; event: never; result: number };
}

/* eslint-disable require-yield, @typescript-eslint/require-await -- these requests have a result and no events */
await serve<HostileDecoderProtocol>({
  async *prepare({ bytes, preprocessing }) {
    const { tiles } = await prepareImage(bytes, preprocessing);
    return tiles.map(({ rgb }) => rgb.length);
  },
  async *peak() {
    return process.resourceUsage().maxRSS * 1024;
  },
});
