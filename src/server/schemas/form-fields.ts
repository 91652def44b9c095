import { Type } from 'typebox';
import { DECODING_FIELDS, StrategyName } from './decoding-fields.js';
import { SERVING_FIELDS } from './serving-fields.js';

export const ImageField = Type.Unsafe<string>({ type: 'string', format: 'binary', description: 'JPEG, PNG, WebP, GIF, TIFF or AVIF.' });

/** How tokens are chosen; what a request leaves out is as the server was started. */
export const SAMPLING_FIELDS = {
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: '0, the default, takes the likeliest token.' })),
  top_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  top_k: Type.Optional(Type.Integer({ minimum: 0, maximum: 0x7fffffff })),
  min_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  repeat_penalty: Type.Optional(Type.Number({ minimum: 0.01, maximum: 100 })),
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xfffffffe, description: 'Default 0: the same request gives the same answer.' })),
} as const;

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
