import { Type } from 'typebox';
import { DECODING_FIELDS, StrategyName } from './decoding-fields.js';
import { SAMPLING_FIELDS } from './sampling-fields.js';
import { SERVING_FIELDS } from './serving-fields.js';

export const ImageField = Type.Unsafe<string>({ type: 'string', format: 'binary', description: 'JPEG, PNG, WebP, GIF, TIFF or AVIF.' });

export const ModelField = Type.Optional(Type.String({ maxLength: 256, description: 'One of GET /v1/models. Default: the first.' }));

/** The text fields that any route with a form takes. Forms are text, so they are read and checked by hand. */
export const GENERATION_SCHEMAS = {
  max_length: Type.Optional(Type.Integer({ minimum: 1, description: 'New tokens at most.' })),
  ...SAMPLING_FIELDS,
  decoding: Type.Optional(StrategyName),
  ...DECODING_FIELDS,
  ...SERVING_FIELDS,
  model: ModelField,
} as const;

/** Their names. */
export const GENERATION_FIELDS: readonly string[] = Object.keys(GENERATION_SCHEMAS);
