import { pictureHash } from './picture-hash.js';
import type { PictureIntake, ReadyPicture } from './picture-intake.js';

/** Some thirty pictures of a megapixel. */
const CAPACITY_BYTES = 64 * 1024 * 1024;

/**
 * An intake that makes nothing anew of a file that it has seen: a second question about a picture waits neither for decoding nor for
 * cutting. Kept in memory alone, the least recently used out first. For one model, whose tiles they are.
 * @param capacity bytes; 0 keeps nothing
 */
export function rememberPictures(intake: PictureIntake, capacity = CAPACITY_BYTES): PictureIntake {
  /** By the file's hash, in order of last use. */
  const kept = new Map<string, ReadyPicture>();
  let held = 0;
  const forget = (hash: string): void => {
    held -= kept.get(hash)?.bytes ?? 0;
    kept.delete(hash);
  };
  return async (bytes, model) => {
    const hash = pictureHash(bytes);
    const known = kept.get(hash);
    const ready = known === undefined ? await intake(bytes, model) : { ...known, decode_ms: 0, preprocess_ms: 0 };
    forget(hash);
    if (ready.bytes > capacity) return ready;
    kept.set(hash, ready);
    held += ready.bytes;
    for (const oldest of kept.keys()) {
      if (held <= capacity) break;
      forget(oldest);
    }
    return ready;
  };
}
