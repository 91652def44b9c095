import { EdgeVlmError } from '../../core/errors.js';

/** First bytes of the formats that every runtime reads. */
const SIGNATURES: readonly { readonly type: string; readonly matches: (bytes: Buffer) => boolean }[] = [
  { type: 'image/png', matches: (bytes) => bytes.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n' },
  { type: 'image/jpeg', matches: (bytes) => bytes.toString('latin1', 0, 3) === '\xff\xd8\xff' },
  { type: 'image/webp', matches: (bytes) => bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP' },
];

/** The media type of a picture, by its first bytes. @throws IMAGE_UNSUPPORTED */
export function pictureType(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 16));
  const known = SIGNATURES.find(({ matches }) => matches(start));
  if (known === undefined) {
    throw new EdgeVlmError('IMAGE_UNSUPPORTED', `a picture of ${bytes.byteLength} bytes is no PNG, JPEG or WebP file`, {
      hint: 'Use a PNG, JPEG or WebP picture.',
    });
  }
  return known.type;
}
