import { EdgeVlmError } from '../../core/errors.js';
import { InvalidField } from '../invalid-field.js';

const HEAD = /^data:([\w.+-]+\/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*);base64,/i;
const LONGEST_HEAD = 256;

/**
 * The bytes of a picture that was sent as a data URL. What it says of its type is not believed: the bytes tell.
 * @param param what the field is called in messages
 * @throws URL_REFUSED for any other URL; REQUEST_INVALID; IMAGE_TOO_LARGE
 */
export function decodeDataUrl(url: string, param: string, maxBytes: number): Uint8Array {
  if (!/^data:/i.test(url)) {
    const scheme = /^[a-z][a-z0-9+.-]{0,31}(?=:)/i.exec(url)?.[0];
    throw new EdgeVlmError(
      'URL_REFUSED',
      `${param} is ${scheme === undefined ? 'not a URL' : `a ${scheme} URL`}; only data URLs are taken`,
    );
  }
  const head = HEAD.exec(url.slice(0, LONGEST_HEAD));
  if (head === null) throw new InvalidField(param, 'must be `data:image/…;base64,` and the picture');
  const base64 = url.slice(head[0].length);
  if (Math.floor((base64.length * 3) / 4) > maxBytes + 2) {
    throw new EdgeVlmError('IMAGE_TOO_LARGE', `${param} has more than ${maxBytes} bytes`);
  }
  // Buffer.from leaves out what is not base64, so that bytes are missing then; a pattern would take longer than all else (7 ns a character).
  const bytes = Buffer.from(base64, 'base64');
  const letters = base64.length - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0);
  if (letters === 0 || letters % 4 === 1 || bytes.length !== Math.floor((letters * 3) / 4)) throw new InvalidField(param, 'is not base64');
  if (bytes.length > maxBytes) throw new EdgeVlmError('IMAGE_TOO_LARGE', `${param} has ${bytes.length} bytes, the limit is ${maxBytes}`);
  return bytes;
}
