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
  /** SHA-256 over the decoded pixels, hex. Equal hashes mean equal pictures; empty: its tiles are told apart by their own pixels. */
  readonly hash: string;
}

/** A picture as it stands in a prompt: null for a tile that the engine is to know by the picture's hash and the tile's place. */
export type PromptImage = Omit<PreparedImage, 'tiles'> & { readonly tiles: readonly (ImageTile | null)[] };

interface TilePreprocessing {
  /** Side of one tile, pixels. */
  readonly tileSize: number;
  /** Per channel, in units of 0..1 pixel values. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** Pictures resized, and cut into tiles where the model splits them (HF's Idefics3ImageProcessor). */
export interface Idefics3Preprocessing extends TilePreprocessing {
  readonly kind: 'idefics3';
  /** The longest edge the picture is first resized to, pixels; equal to `tileSize` when pictures are not split. */
  readonly longestEdge: number;
  readonly splitting: boolean;
}

/** Pictures padded to a square with their mean colour and resized to one tile (LLaVA-1.5, MobileVLM). */
export interface LlavaPreprocessing extends TilePreprocessing {
  readonly kind: 'llava';
}

/** How a model wants its pictures; the values come from the mmproj file. */
export type ImagePreprocessing = Idefics3Preprocessing | LlavaPreprocessing;
