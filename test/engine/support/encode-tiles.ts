import type { Backend } from '../../../src/engine/ggml/backend.js';
import { CpuBackend } from '../../../src/engine/ggml/cpu-backend.js';
import { VisionEncoder } from '../../../src/engine/vision-encoder.js';
import { readVisionFamily } from '../../../src/engine/vision-family.js';
import { Weights } from '../../../src/engine/weights.js';
import { readGguf } from '../../../src/formats/gguf/read-gguf.js';
import type { ImageTile } from '../../../src/core/image.js';

/** Image tokens of tiles by the tower alone, [tiles · tokens per tile, embedding] in one row after another. */
export async function encodeTiles(
  mmproj: string,
  tiles: readonly ImageTile[],
  open: () => Backend = () => new CpuBackend({ threads: 1 }),
): Promise<Float32Array[]> {
  const file = await readGguf(mmproj);
  const family = readVisionFamily(file);
  using backend = open();
  using weights = await Weights.load(backend, file, [...family.tower.weights, ...family.projector.weights]);
  using encoder = new VisionEncoder(backend, family, weights);
  const encoded: Float32Array[] = [];
  for (const tile of tiles) encoded.push(await encoder.encode(tile));
  return encoded;
}
