import { EdgeVlmError } from '../../core/errors.js';
import type { ImagePreprocessing, PromptImage } from '../../core/image.js';
import type { TilePiece } from '../../engine/prompt.js';

/** What stands for a picture in a prompt: text to tokenise, and tiles. */
export type PromptPart = { readonly type: 'text'; readonly text: string } | TilePiece;

/** What templates write where a picture belongs. */
export const IMAGE_MARKER = '<image>';

type Expand = (image: PromptImage) => PromptPart[];

const EXPANSIONS: Record<ImagePreprocessing['kind'], Expand> = { idefics3: expandIdefics3, llava: expandLlava };

/** The text and tiles that a model family was trained to see for one picture. */
export function expandImage(image: PromptImage, kind: ImagePreprocessing['kind']): PromptPart[] {
  return EXPANSIONS[kind](image);
}

/** Source: HF `processing_idefics3.py`, `_prompt_split_image` and `_prompt_single_image`. */
function expandIdefics3(image: PromptImage): PromptPart[] {
  const { tiles, rows, columns } = image;
  const text = (value: string): PromptPart => ({ type: 'text', text: value });
  const fence = '<fake_token_around_image>';
  const parts: PromptPart[] = [];
  tiles.forEach((_, index) => {
    const isGlobal = index === tiles.length - 1;
    const row = Math.floor(index / Math.max(columns, 1)) + 1;
    const column = (index % Math.max(columns, 1)) + 1;
    if (isGlobal) parts.push(text(`${rows > 0 ? '\n' : ''}${fence}<global-img>`));
    else parts.push(text(`${fence}<row_${row}_col_${column}>`));
    parts.push(tilePiece(image, index));
    if (isGlobal) parts.push(text(fence));
    else if (column === columns) parts.push(text('\n'));
  });
  if (tiles.length !== rows * columns + 1) {
    throw new EdgeVlmError('BATCH_INVALID', `${tiles.length} tiles do not make ${rows} rows of ${columns} and the whole picture`);
  }
  return parts;
}

/** LLaVA and MobileVLM put the image tokens where the marker is, and nothing around them. */
function expandLlava(image: PromptImage): PromptPart[] {
  return image.tiles.map((_, index) => tilePiece(image, index));
}

/** One model cuts a picture in one way, so the picture and the place tell the tile. */
function tilePiece({ tiles, hash }: PromptImage, index: number): PromptPart {
  return { type: 'tile', tile: tiles[index] ?? null, ...(hash !== '' && { key: `${hash}/${index}` }) };
}
