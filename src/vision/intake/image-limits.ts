/** What one picture may cost. A picture over a limit is refused with `IMAGE_TOO_LARGE`. */
export interface ImageLimits {
  /** Largest encoded size, bytes. */
  readonly maxBytes: number;
  /** Largest decoded size, width × height, checked against the header before anything is decoded. */
  readonly maxPixels: number;
  /** Longest decoding time, seconds. */
  readonly maxSeconds: number;
}

/** 20 MB, 50 megapixels (150 MB of RGB), 30 seconds. */
export const DEFAULT_IMAGE_LIMITS: ImageLimits = { maxBytes: 20_000_000, maxPixels: 50_000_000, maxSeconds: 30 };
