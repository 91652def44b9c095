import type { FastifyRequest } from 'fastify';
import { EdgeVlmError } from '../../core/errors.js';
import type { RequestLimits } from '../server-options.js';
import { InvalidField } from '../invalid-field.js';

/** A form with one picture. */
export interface PictureForm {
  readonly image: Uint8Array;
  readonly fields: ReadonlyMap<string, string>;
}

const MAX_FIELDS = 32;
const MAX_FIELD_BYTES = 64 * 1024;

/**
 * Reads a multipart form: the file `image` and text fields.
 * @param allowed names of the text fields
 * @throws REQUEST_INVALID, IMAGE_TOO_LARGE, REQUEST_TOO_LARGE
 */
export async function readForm(
  request: FastifyRequest,
  allowed: readonly string[],
  { imageBytes }: Pick<RequestLimits, 'imageBytes'>,
): Promise<PictureForm> {
  if (!request.isMultipart()) throw new InvalidField('the body', 'must be multipart/form-data with the file `image`');
  const fields = new Map<string, string>();
  let image: Uint8Array | undefined;
  try {
    const limits = { fileSize: imageBytes, files: 1, fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES, parts: MAX_FIELDS + 1 };
    for await (const part of request.parts({ limits })) {
      if (part.type === 'file') {
        if (part.fieldname !== 'image') throw new InvalidField(printable(part.fieldname), 'is a file; only `image` may be one');
        image = await part.toBuffer();
        continue;
      }
      const name = part.fieldname;
      if (name === 'image') throw new InvalidField('image', 'must be a file, with a file name');
      if (!allowed.includes(name)) throw new InvalidField(printable(name), `is not known here; known are ${allowed.join(', ')}`);
      if (fields.has(name)) throw new InvalidField(name, 'is there twice');
      if (typeof part.value !== 'string' || part.valueTruncated) throw new InvalidField(name, 'is not a text of reasonable length');
      fields.set(name, part.value);
    }
  } catch (thrown) {
    // What is left of the body is read and forgotten, so that the answer gets through.
    request.raw.unpipe();
    request.raw.resume();
    throw asFormError(thrown);
  }
  if (image === undefined) throw new InvalidField('image', 'is missing');
  if (image.length === 0) throw new InvalidField('image', 'is empty');
  return { image, fields };
}

/** What busboy finds wrong with a form has no status of its own. */
function asFormError(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || thrown instanceof EdgeVlmError || 'statusCode' in thrown) return thrown;
  return new EdgeVlmError('REQUEST_INVALID', `the form is not valid: ${thrown.message}`, { cause: thrown });
}

/** A name from outside, short and on one line. */
function printable(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}
