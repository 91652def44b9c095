import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import type { PictureEncoder } from '../../core/forward-pass.js';
import { pseudoRandomTokens } from '../pseudo-random-tokens.js';
import { runPeer } from './run-peer.js';

export interface MtmdOptions {
  /** Path of llama-mtmd-cli. */
  readonly binary: string;
  readonly model: string;
  readonly mmproj: string;
  readonly threads: number;
  /** Side of the picture, pixels. */
  readonly imageSize: number;
  readonly signal?: AbortSignal;
}

/** Pictures in one run: the first of them also warms up and is left out. */
const PICTURES = 3;

/** llama.cpp's own encoder: every measurement is a run of llama-mtmd-cli, which prints its times. */
export class MtmdEncoder implements PictureEncoder {
  readonly label = 'mtmd';

  constructor(private readonly options: MtmdOptions) {}

  /** @throws PEER_FAILED, CANCELLED */
  async encode(): Promise<number[]> {
    const { binary, model, mmproj, threads, imageSize, signal } = this.options;
    const folder = await mkdtemp(join(tmpdir(), 'edgevlm-mtmd-'));
    try {
      const picture = join(folder, 'noise.ppm');
      const pixels = Uint8Array.from(pseudoRandomTokens(3 * imageSize ** 2, 256));
      await writeFile(picture, Buffer.concat([Buffer.from(`P6\n${imageSize} ${imageSize}\n255\n`), pixels]));
      const images = ['--image', Array.from({ length: PICTURES }, () => picture).join(',')];
      const words = ['-p', 'Describe.', '-n', '1', '--temp', '0', '--chat-template', 'vicuna'];
      const args = ['-m', model, '--mmproj', mmproj, '-t', String(threads), ...images, ...words];
      const { stdout, stderr } = await runPeer(binary, args, signal);
      const times = parseMtmdTimes(`${stdout}\n${stderr}`);
      if (times.length < 2) throw new EdgeVlmError('PEER_FAILED', `${binary} ${args.join(' ')} printed ${times.length} encode times`);
      return times.slice(1);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** Milliseconds of every picture, in order; from "mtmd batch encoding done in 1234 ms". */
export function parseMtmdTimes(log: string): number[] {
  return [...log.matchAll(/mtmd batch encoding done in (\d+) ms/g)].map(([, milliseconds]) => Number(milliseconds));
}
