/** One square or rectangular cut of a picture, ready for a vision tower: 8-bit sRGB, rows top to bottom, interleaved RGB. */
export interface ImageTile {
  readonly width: number;
  readonly height: number;
  /** `width * height * 3` bytes. */
  readonly rgb: Uint8Array;
}

/** A picture after resizing and tiling. Normalisation is left to the tower, which knows mean and deviation. */
export interface PreparedImage {
  /** Row by row, then the whole picture scaled down when the picture was split (`rows > 0`). */
  readonly tiles: readonly ImageTile[];
  /** Rows and columns of tiles; 0 and 0 when the picture was not split. */
  readonly rows: number;
  readonly columns: number;
  /** SHA-256 over the decoded pixels, hex. Equal hashes mean equal pictures. */
  readonly hash: string;
}

/** How a model wants its pictures (HF's Idefics3ImageProcessor; the values come from the mmproj file). */
export interface ImagePreprocessing {
  readonly kind: 'idefics3';
  /** Side of one tile, pixels. */
  readonly tileSize: number;
  /** The longest edge the picture is first resized to, pixels; equal to `tileSize` when pictures are not split. */
  readonly longestEdge: number;
  readonly splitting: boolean;
  /** Per channel, in units of 0..1 pixel values. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}
