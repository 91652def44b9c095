import { EdgeVlmError } from '../core/errors.js';
import type { EmbeddingRows } from './decoder-runner.js';
import type { LoadedModel } from './load-model.js';
import type { LaidOutImage, LaidOutPrompt } from './prompt-layout.js';
import type { GenerationContext } from './sequence-target.js';
import type { Encoding } from './vision-encoder.js';

/** How long others wait for a slice of a picture, by what its parts took before. */
const SLICE_MS = 100;

/** The pictures of one prompt: what is known of them already, and the rest encoded. */
export class PromptPictures {
  /** Those of this prompt, for a draft that reads them too. */
  private readonly encoded = new Map<LaidOutImage, Float32Array>();
  /** How many tiles had to go through the tower. */
  encodedTiles = 0;

  constructor(private readonly model: Pick<LoadedModel, 'shape' | 'encoder' | 'imageCache' | 'pruning'>) {}

  /**
   * Holds on to what is known of the pictures that came without pixels, which nothing may forget from here on.
   * @throws IMAGE_FORGOTTEN
   */
  hold({ images }: LaidOutPrompt): void {
    for (const image of images) {
      if (image.tile !== null) continue;
      const values = this.known(image);
      if (values === undefined) throw new EdgeVlmError('IMAGE_FORGOTTEN', 'a picture came without its pixels, and is not known any more');
      this.encoded.set(image, values);
    }
  }

  /** The pictures of a prompt after its first `cached` tokens, encoded. */
  async embed({ images, reuse }: LaidOutPrompt, cached: number, context: GenerationContext): Promise<EmbeddingRows[]> {
    const rows: EmbeddingRows[] = [];
    for (const image of images) {
      if (cached >= image.at + this.model.pruning.tokensPerTile) continue;
      const values = this.known(image) ?? (await this.#encode(image, reuse, context));
      this.encoded.set(image, values);
      rows.push(this.rowsAfter(cached, image, values));
    }
    return rows;
  }

  /** A tile's image tokens if they need not be computed. */
  known(image: LaidOutImage): Float32Array | undefined {
    return this.encoded.get(image) ?? (image.hash === '' ? undefined : this.model.imageCache.get(image.hash));
  }

  /** A tile's image tokens, those left out that a sequence of `cached` tokens has. */
  rowsAfter(cached: number, { at }: LaidOutImage, values: Float32Array): EmbeddingRows {
    const known = Math.max(cached - at, 0);
    return { at: at + known - cached, values: values.subarray(known * this.model.shape.embedding) };
  }

  /** The tower uses the decoder's threads, so a tile is encoded slice by slice between batches. */
  #encode({ tile, hash }: LaidOutImage, reuse: boolean, { scheduler, clock, signal }: GenerationContext): Promise<Float32Array> {
    const { encoder, imageCache, pruning } = this.model;
    if (encoder === null) throw new EdgeVlmError('MMPROJ_MISSING', 'this model was loaded without its vision half');
    if (tile === null) throw new EdgeVlmError('INTERNAL', 'a picture without pixels was not held');
    let encoding: Encoding | undefined;
    const next = async (): Promise<Float32Array | undefined> => {
      // The same picture may have been encoded for another prompt while this one waited.
      const known = reuse && encoding === undefined ? imageCache.get(hash) : undefined;
      if (known !== undefined) return known;
      encoding ??= encoder.begin(tile);
      const tokens = await encoding.next(SLICE_MS, signal);
      if (tokens === undefined) return undefined;
      const values = pruning.prune(tokens);
      if (reuse) imageCache.set(hash, values);
      return values;
    };
    return clock.measure('encode', (turn) => scheduler.inSlices(next, { turn, signal }));
  }
}
