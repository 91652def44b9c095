import { EdgeVlmError } from '../core/errors.js';
import type { PreparedImage, PromptImage } from '../core/image.js';
import { pictureHash } from './picture-hash.js';
import type { PictureIntake, ReadyPicture } from './picture-intake.js';

/** Some ten pictures of a megapixel. */
const CAPACITY_BYTES = 64 * 1024 * 1024;
/** Pictures known by their form alone, some 300 bytes each. */
const MOST_FORMS = 4096;

/**
 * An intake that makes nothing anew of a file that it has seen: a second question about a picture waits neither for decoding, nor for
 * cutting, nor for pixels on their way to the engine, which knows what it saw in them for longer than they are kept here. In memory alone,
 * the least recently used out first. For one model, whose tiles they are.
 * @param capacity bytes of pixels; 0 keeps nothing
 */
export function rememberPictures(intake: PictureIntake, capacity = CAPACITY_BYTES): PictureIntake {
  /** By the file's hash, in order of last use. */
  const kept = new Map<string, ReadyPicture>();
  const forms = new Map<string, PromptImage>();
  let held = 0;
  const forget = (hash: string): void => {
    held -= kept.get(hash)?.bytes ?? 0;
    kept.delete(hash);
  };
  const keep = (hash: string, ready: ReadyPicture): void => {
    forget(hash);
    if (ready.bytes > capacity) return;
    kept.set(hash, ready);
    held += ready.bytes;
    for (const oldest of kept.keys()) {
      if (held <= capacity) break;
      forget(oldest);
    }
    if (ready.part.type !== 'image') return;
    forms.delete(hash);
    forms.set(hash, withoutPixels(ready.part.image));
    const [oldest] = forms.keys();
    if (forms.size > MOST_FORMS && oldest !== undefined) forms.delete(oldest);
  };
  return async (bytes, model) => {
    const hash = pictureHash(bytes);
    const take = async (): Promise<ReadyPicture> => {
      const ready = kept.get(hash) ?? (await intake(bytes, model));
      keep(hash, ready);
      return ready;
    };
    const seen = forms.get(hash);
    if (seen !== undefined) {
      const pixels = async (): Promise<PreparedImage> => imageOf(await take());
      const fingerprint = async () => (await take()).fingerprint?.();
      return { part: { type: 'seen-image', image: seen, pixels }, bytes: 0, decode_ms: 0, preprocess_ms: 0, fingerprint };
    }
    const known = kept.has(hash);
    const ready = await take();
    return known ? { ...ready, decode_ms: 0, preprocess_ms: 0 } : ready;
  };
}

function withoutPixels({ tiles, ...form }: PreparedImage): PromptImage {
  return { ...form, tiles: tiles.map(() => null) };
}

function imageOf({ part }: ReadyPicture): PreparedImage {
  if (part.type === 'image') return part.image;
  throw new EdgeVlmError('INTERNAL', 'a picture was prepared in two ways');
}
