import type { Idefics3Preprocessing, ImageTile } from '../../core/image.js';
import { resample } from './resample.js';
import type { Tiling } from './tiling.js';

/** The processor never works on a picture longer than this, whatever `longestEdge` says (`MAX_IMAGE_SIZE`). */
const MAX_LONGEST_EDGE = 4096;

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * Cuts a picture as HF's Idefics3ImageProcessor and SmolVLMImageProcessor do (transformers 5.23,
 * `models/idefics3/image_processing_idefics3.py`; the two are the same code):
 *
 * 1. resize so that the longest edge is `longestEdge`, also upwards;
 * 2. with `splitting`: stretch to whole tiles, cut them row by row, and add the whole picture as one last tile; a picture that
 *    fits one tile is not split. Without: squeeze into one tile.
 *
 * All resizing is on 8-bit pixels, one step after the other, since the steps' rounding is part of what a model was trained on.
 */
export function idefics3Tiles(image: ImageTile, { tileSize, longestEdge, splitting }: Idefics3Preprocessing): Tiling {
  const resized = resizeTo(image, longestEdgeSize(image, longestEdge));
  if (!splitting) return { tiles: [resizeTo(resized, { width: tileSize, height: tileSize })], rows: 0, columns: 0 };

  const whole = resizeTo(resized, wholeTilesSize(resized, tileSize));
  const rows = whole.height / tileSize;
  const columns = whole.width / tileSize;
  if (rows === 1 && columns === 1) return { tiles: [whole], rows: 0, columns: 0 };

  const tiles: ImageTile[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) tiles.push(crop(whole, column * tileSize, row * tileSize, tileSize));
  }
  return { tiles: [...tiles, resizeTo(whole, { width: tileSize, height: tileSize })], rows, columns };
}

/** `get_resize_output_image_size`: the other edge is cut to an integer, then made even. */
function longestEdgeSize({ width, height }: Size, longestEdge: number): Size {
  const aspect = width / height;
  const even = (edge: number): number => Math.max(edge + (edge % 2), 1);
  const size =
    width >= height
      ? { width: longestEdge, height: even(Math.trunc(longestEdge / aspect)) }
      : { width: even(Math.trunc(longestEdge * aspect)), height: longestEdge };
  return belowUpperBound(size);
}

/** `_resize_output_size_scale_below_upper_bound`. */
function belowUpperBound({ width, height }: Size): Size {
  if (Math.max(width, height) <= MAX_LONGEST_EDGE) return { width, height };
  const aspect = width / height;
  return width >= height
    ? { width: MAX_LONGEST_EDGE, height: Math.max(Math.trunc(MAX_LONGEST_EDGE / aspect), 1) }
    : { width: Math.max(Math.trunc(MAX_LONGEST_EDGE * aspect), 1), height: MAX_LONGEST_EDGE };
}

/** `resize_for_vision_encoder`: the longer edge goes up to whole tiles, the other follows it before it does the same. */
function wholeTilesSize({ width, height }: Size, tileSize: number): Size {
  const whole = (edge: number): number => Math.ceil(edge / tileSize) * tileSize;
  const aspect = width / height;
  return width >= height
    ? { width: whole(width), height: whole(Math.trunc(whole(width) / aspect)) }
    : { width: whole(Math.trunc(whole(height) * aspect)), height: whole(height) };
}

function resizeTo(image: ImageTile, { width, height }: Size): ImageTile {
  return resample(image, width, height, 'lanczos');
}

function crop({ width, rgb }: ImageTile, left: number, top: number, side: number): ImageTile {
  const tile = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    const from = ((top + y) * width + left) * 3;
    tile.set(rgb.subarray(from, from + side * 3), y * side * 3);
  }
  return { width: side, height: side, rgb: tile };
}
