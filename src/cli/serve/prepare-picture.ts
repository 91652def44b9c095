import { EdgeVlmError } from '../../core/errors.js';
import type { PictureFingerprint } from '../../core/picture-fingerprint.js';
import type { PictureIntake } from '../../serving/picture-intake.js';
import { fingerprintPicture } from '../../vision/fingerprint-picture.js';
import { decodeImage } from '../../vision/intake/decode-image.js';
import type { ImageLimits } from '../../vision/intake/image-limits.js';
import { preprocessImage } from '../../vision/prepare-image.js';

/**
 * How the server takes pictures in: decoded within the limits, then cut for the engine. Another runtime is given the file's bytes, once
 * they are known to be a picture within the limits.
 */
export function pictureIntake(limits: ImageLimits, isEngine: boolean): PictureIntake {
  return async (bytes, { name, vision }) => {
    if (isEngine && vision === null) throw new EdgeVlmError('MMPROJ_MISSING', `${name} was loaded without its vision half`);
    const start = performance.now();
    const decoded = await decodeImage(bytes, limits);
    const decode_ms = performance.now() - start;
    const fingerprint = (): Promise<PictureFingerprint> => Promise.resolve(fingerprintPicture(decoded));
    const { byteLength } = decoded.rgb;
    if (vision === null) {
      return { part: { type: 'picture', bytes }, bytes: byteLength + bytes.byteLength, decode_ms, preprocess_ms: 0, fingerprint };
    }
    const image = await preprocessImage(decoded, vision);
    const held = image.tiles.reduce((sum, { rgb }) => sum + rgb.byteLength, byteLength);
    return { part: { type: 'image', image }, bytes: held, decode_ms, preprocess_ms: performance.now() - start - decode_ms, fingerprint };
  };
}
