import { Type } from 'typebox';
import { DECODING_STRATEGIES } from '../../core/decoding.js';

/** Names of the text fields that any route with a form takes, for sampling and decoding. */
export const GENERATION_FIELDS = [
  'max_length',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'repeat_penalty',
  'seed',
  'decoding',
  'draft_tokens',
  'exit_threshold',
] as const;

export const ImageField = Type.Unsafe<string>({ type: 'string', format: 'binary', description: 'JPEG, PNG, WebP, GIF, TIFF or AVIF.' });

/** The same fields for the OpenAPI description. Forms are text, so they are read and checked by hand. */
export const GENERATION_SCHEMAS = {
  max_length: Type.Optional(Type.Integer({ minimum: 1, description: 'New tokens at most.' })),
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: '0, the default, takes the likeliest token.' })),
  top_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  top_k: Type.Optional(Type.Integer({ minimum: 0 })),
  min_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  repeat_penalty: Type.Optional(Type.Number({ minimum: 0.01, maximum: 100 })),
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xfffffffe, description: 'Default 0: the same request gives the same answer.' })),
  decoding: Type.Optional(Type.Enum([...DECODING_STRATEGIES], { description: 'How tokens are found; docs/OPTIMIZATIONS.md.' })),
  draft_tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
  exit_threshold: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
} as const;
