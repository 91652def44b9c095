import { InvalidArgumentError, Option, type Command } from 'commander';
import { DEVICES, type Device } from '../../core/runtime.js';
import { MMAP_MODES, type MmapMode } from '../../engine/mmap-mode.js';
import type { EngineLoadOptions } from '../../runtimes/engine/engine-protocol.js';
import { wholeNumber } from './number-parser.js';

/** How the engine uses the machine. Names are llama.cpp's. */
export interface ComputeOptions {
  readonly threads?: number;
  readonly poll?: number;
  readonly cpuMask?: readonly number[];
  readonly mmap?: MmapMode;
  readonly device?: Device;
}

/** ggml's `GGML_MAX_N_THREADS`. */
const MAX_THREADS = 512;

export function addComputeOptions(command: Command): Command {
  return command
    .option('--threads <n>', 'threads to compute with; default: one for each fast core, at most 8', wholeNumber(1, MAX_THREADS))
    .option('--poll <n>', 'how eagerly waiting threads spin, 0 to 100; 0 spares a shared machine; default: 50', wholeNumber(0, 100))
    .option('--cpu-mask <hex>', 'CPUs to compute on, for example f0 for the fifth to the eighth; default: all', cpuMask)
    .addOption(
      new Option('--mmap <mode>', 'leave weights in the file and map them; default: auto, where a copy does not fit').choices([
        ...MMAP_MODES,
      ]),
    )
    .addOption(new Option('--device <name>', 'what to compute on; default: cpu').choices([...DEVICES]));
}

/** The same as the engine takes them. */
export function computeOptions(options: ComputeOptions): Pick<EngineLoadOptions, 'threads' | 'poll' | 'cpus' | 'mmap' | 'device'> {
  const { threads, poll, cpuMask: cpus, mmap, device } = options;
  return {
    ...(threads !== undefined && { threads }),
    ...(poll !== undefined && { poll }),
    ...(cpus && { cpus }),
    ...(mmap && { mmap }),
    ...(device && { device }),
  };
}

/** CPU numbers of the bits that are set. */
export function cpuMask(text: string): number[] {
  const digits = /^(?:0x)?([0-9a-f]{1,128})$/i.exec(text)?.[1];
  const bits = digits === undefined ? 0n : BigInt(`0x${digits}`);
  if (bits === 0n) throw new InvalidArgumentError('Expected hexadecimal digits that are not all 0.');
  return Array.from({ length: MAX_THREADS }, (_, cpu) => cpu).filter((cpu) => ((bits >> BigInt(cpu)) & 1n) === 1n);
}
