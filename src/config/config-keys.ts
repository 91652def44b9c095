import { type Static, type TSchema, Type } from 'typebox';
import { EXIT_GATES } from '../core/decoding.js';

const Text = { minLength: 1, maxLength: 4096 } as const;
const Camera = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    source_type: Type.Enum(['rtsp', 'http', 'mjpeg', 'usb']),
    location: Type.Optional(Type.String({ maxLength: 200 })),
    url: Type.Optional(Type.String(Text)),
    device_id: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
  },
  { additionalProperties: false },
);
const CacheSize = Type.Integer({
  minimum: 1,
  maximum: 1_048_576,
  description: 'MB (10⁶ bytes) that keys and values may take, those of a draft among them; the context is shortened to it',
});

/**
 * Everything that a config file may hold, by its path; docs/CONFIGURATION.md explains it. The bounds are those of the options that the
 * keys stand for. A key without `default` leaves the choice to what it configures.
 */
export const CONFIG_KEYS = {
  'model.name': Type.String({ ...Text, default: 'shapes', description: 'a GGUF file, or the name of a model' }),
  'model.mmproj': Type.String({ ...Text, description: 'the vision half' }),
  'optimizations.speculative_decoding.enabled': Type.Boolean({ default: false, description: 'guess tokens ahead and verify them' }),
  'optimizations.speculative_decoding.draft_tokens': Type.Integer({
    minimum: 1,
    maximum: 64,
    default: 4,
    description: 'tokens to guess ahead, at most',
  }),
  'optimizations.speculative_decoding.draft_model': Type.String({ ...Text, description: 'a smaller model with the same vocabulary' }),
  'optimizations.speculative_decoding.draft_view': Type.Enum(['words', 'image-tokens'], {
    description: 'what the draft sees of pictures',
  }),
  'optimizations.kv_cache_compression.gear_enabled': Type.Boolean({
    default: false,
    description: 'compress keys and values of older tokens (GEAR)',
  }),
  'optimizations.kv_cache_compression.pyramid_enabled': Type.Boolean({
    default: false,
    description: 'keep fewer tokens of a prompt in later layers (PyramidKV)',
  }),
  'optimizations.kv_cache_compression.max_cache_size_mb': CacheSize,
  'optimizations.early_exit.enabled': Type.Boolean({ default: false, description: 'let sure tokens leave before the last layer' }),
  'optimizations.early_exit.confidence_threshold': Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0.9,
    description: 'how sure a token must be to leave',
  }),
  'optimizations.early_exit.exit_layers': Type.Array(Type.Integer({ minimum: 1, maximum: 1024 }), {
    minItems: 1,
    maxItems: 1024,
    description: 'layers after which a token may leave',
  }),
  'optimizations.early_exit.gate': Type.Enum([...EXIT_GATES], { default: 'softmax_max', description: 'what a token must be sure by' }),
  'inference.num_threads': Type.Integer({ minimum: 1, maximum: 512, description: 'threads to compute with' }),
  'inference.temperature': Type.Number({ minimum: 0, maximum: 100, default: 0, description: 'how freely to choose; 0 is greedy' }),
  'inference.top_p': Type.Number({ minimum: 0, maximum: 1, default: 0.95, description: 'choose among the likeliest that make this share' }),
  'inference.top_k': Type.Integer({ minimum: 0, maximum: 0x7fffffff, default: 40, description: 'choose among the k likeliest, 0 for all' }),
  'inference.min_p': Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0.05,
    description: 'leave out tokens below this share of the likeliest',
  }),
  'inference.repeat_penalty': Type.Number({
    minimum: 0.01,
    maximum: 100,
    default: 1,
    description: 'divide logits of recent tokens; 1 is off',
  }),
  'inference.seed': Type.Integer({ minimum: 0, maximum: 0xfffffffe, default: 0, description: 'seed of the choices' }),
  'inference.max_length': Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'new tokens at most' }),
  'inference.context_length': Type.Integer({
    minimum: 1,
    maximum: 16_777_216,
    description: 'tokens that a prompt and its answer may have',
  }),
  max_cache_size_mb: CacheSize,
  calibration: Type.String({ ...Text, default: 'auto', description: 'what `edgevlm calibrate` learnt: auto, none, or its file' }),
  'server.host': Type.String({ ...Text, default: '127.0.0.1', description: 'address to listen at' }),
  'server.port': Type.Integer({ minimum: 0, maximum: 65_535, default: 8000, description: 'port to listen at; 0 takes a free one' }),
  'server.parallel': Type.Integer({ minimum: 1, maximum: 64, default: 4, description: 'requests that run at once' }),
  'server.max_queue': Type.Integer({ minimum: 0, maximum: 100_000, default: 32, description: 'requests that wait' }),
  'server.max_image_bytes': Type.Integer({
    minimum: 1,
    maximum: 1_000_000_000,
    default: 20_000_000,
    description: 'size of a picture file',
  }),
  'server.reuse_answers': Type.Number({
    minimum: 0,
    maximum: 255,
    default: 0,
    description: 'give an answer again for pictures nearer than this; 0 never',
  }),
  'server.cors_origins': Type.Array(Type.String(Text), { maxItems: 100, description: 'pages that may use the server' }),
  'logging.level': Type.Enum(['debug', 'info', 'warn', 'warning', 'error'], { description: 'least important lines that are logged' }),
  'logging.file': Type.String({ maxLength: 4096, default: 'logs/edgevlm.log', description: 'where the server logs; empty for nowhere' }),
  cameras: Type.Array(Camera, { maxItems: 1000, description: 'cameras to watch: name, source_type, location, url or device_id' }),
} as const;

export type ConfigKey = keyof typeof CONFIG_KEYS;

/** Settings by key; those that nobody gave are absent. */
export type Settings = { readonly [Key in ConfigKey]?: Static<(typeof CONFIG_KEYS)[Key]> };

/** The keys in the order of the documentation. */
export const CONFIG_KEY_NAMES = Object.keys(CONFIG_KEYS) as readonly ConfigKey[];

/** What is read of a schema besides what it allows. */
export interface KeySchema extends TSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  /** Of a list, and of a section. */
  readonly items?: KeySchema;
  readonly properties?: object;
  readonly default?: unknown;
  readonly description?: string;
}

export function schemaOf(key: ConfigKey): KeySchema {
  return CONFIG_KEYS[key];
}
