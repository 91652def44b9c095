import { serve } from '../../host/child.js';
import type { ReadBandwidthProtocol } from './read-bandwidth.js';
import { createReadKernel } from './read-kernel.js';

let kernel: ReturnType<typeof createReadKernel> | undefined;

/* eslint-disable require-yield, @typescript-eslint/require-await -- these requests have a result and no events */
await serve<ReadBandwidthProtocol>({
  async *prepare({ bytes }) {
    kernel = createReadKernel(bytes);
    kernel.read();
    return null;
  },
  async *read({ duration_ms }) {
    if (kernel === undefined) return 0;
    const start = performance.now();
    let passes = 0;
    let elapsed: number;
    do {
      kernel.read();
      passes++;
      elapsed = performance.now() - start;
    } while (elapsed < duration_ms);
    return (passes * kernel.memory.length) / (elapsed / 1000);
  },
});
