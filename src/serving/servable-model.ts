import type { OpenRuntime, RuntimeName } from '../core/runtime.js';
import type { PictureIntake } from './picture-intake.js';

/** A model that can be loaded, as often as it must. */
export interface ServableModel {
  /** What requests call it; the first is listed. */
  readonly names: readonly [string, ...string[]];
  /** The same for what would be loaded from the same files in the same way. */
  readonly identity: string;
  readonly runtime: RuntimeName;
  /** Of the language half, not all of which a token sees that leaves early; null where the file does not say. */
  readonly layers: number | null;
  /** Memory that it will take, bytes; null where that is not known before it is loaded. */
  readonly bytes: number | null;
  readonly preparePicture: PictureIntake;
  readonly open: (signal: AbortSignal) => Promise<OpenRuntime>;
}
