import { join } from 'node:path';
import { Type } from 'typebox';
import { readJson } from './read-json.js';

const Channels = Type.Tuple([Type.Number(), Type.Number(), Type.Number()]);
const ImageProcessor = Type.Object({
  image_mean: Type.Optional(Channels),
  image_std: Type.Optional(Channels),
  // CLIP's says its one size as a number.
  size: Type.Optional(
    Type.Union([Type.Number(), Type.Object({ longest_edge: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 20 })) })]),
  ),
});
const Processor = Type.Intersect([ImageProcessor, Type.Object({ image_processor: Type.Optional(ImageProcessor) })]);

/** How pictures are normalised, per channel. */
export interface ImageProcessorConfig {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Length the longer side of a picture is resized to before it is cut into tiles, in pixels. */
  readonly longestEdge: number | undefined;
}

/**
 * Reads preprocessor_config.json and processor_config.json: the latter wins, and its image_processor part over its own top.
 * @returns undefined where neither tells mean and deviation
 * @throws EdgeVlmError CHECKPOINT_INVALID, FILE_UNREADABLE
 */
export async function readImageProcessor(folder: string): Promise<ImageProcessorConfig | undefined> {
  const preprocessor = await readJson(join(folder, 'preprocessor_config.json'), ImageProcessor);
  const processor = await readJson(join(folder, 'processor_config.json'), Processor);
  const { image_mean: mean, image_std: std, size } = { ...preprocessor, ...processor, ...processor?.image_processor };
  return mean === undefined || std === undefined
    ? undefined
    : { mean, std, longestEdge: typeof size === 'object' ? size.longest_edge : undefined };
}
