import type { ContentPart, ModelDescription } from '../core/generator.js';
import type { PictureFingerprint } from '../core/picture-fingerprint.js';

/** A picture, ready for the model, and what that took. */
export interface ReadyPicture {
  readonly part: ContentPart;
  /** What keeping it takes in memory. */
  readonly bytes: number;
  /** From the file's bytes to pixels. */
  readonly decode_ms: number;
  /** From pixels to the model's tiles. */
  readonly preprocess_ms: number;
  /** What tells it from nearly the same; worked out when called. Absent, or undefined: its answers are not given again for others. */
  readonly fingerprint?: () => Promise<PictureFingerprint | undefined>;
}

/** Makes what the model takes of a picture's bytes, within the limits of the server. @throws IMAGE_*, MMPROJ_MISSING */
export type PictureIntake = (bytes: Uint8Array, model: ModelDescription) => Promise<ReadyPicture>;
