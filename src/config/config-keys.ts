import { type Static, type TSchema, Type } from 'typebox';
import { EXIT_GATES } from '../core/decoding.js';
import { DEVICES, RUNTIME_NAMES } from '../core/runtime.js';

const Text = { minLength: 1, maxLength: 4096 } as const;
/** A name or an address, all below a name, and either with a port; `parseAllowedHost` refuses what is still wrong. */
const HOST = '^(\\*\\.)?([^\\s/?#@\\\\%*:\\[\\]]+|\\[[0-9a-fA-F:.]+\\])(:[0-9]{1,5})?$';
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
  'optimizations.image_pruning.image_tokens': Type.Integer({
    minimum: 1,
    maximum: 65_536,
    description: 'image tokens left of every tile; all where it is not given',
  }),
  'optimizations.image_pruning.method': Type.Enum(['diversity', 'pooling', 'random'], {
    description: 'how image tokens are made fewer; needs image_tokens',
  }),
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
  'inference.repeat_last_n': Type.Integer({ minimum: 0, maximum: 65_536, default: 64, description: 'tokens that the penalties see' }),
  'inference.frequency_penalty': Type.Number({
    minimum: -2,
    maximum: 2,
    default: 0,
    description: 'for every time that a token was there already',
  }),
  'inference.presence_penalty': Type.Number({ minimum: -2, maximum: 2, default: 0, description: 'for tokens that were there already' }),
  'inference.seed': Type.Integer({ minimum: 0, maximum: 0xfffffffe, default: 0, description: 'seed of the choices' }),
  'inference.max_length': Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'new tokens at most' }),
  'inference.context_length': Type.Integer({
    minimum: 1,
    maximum: 16_777_216,
    description: 'tokens that a prompt and its answer may have',
  }),
  'inference.context_shift': Type.Boolean({
    default: false,
    description: 'lossy: when the context is full, drop the older half of the answer and go on',
  }),
  'inference.device': Type.Enum([...DEVICES], { default: 'cpu', description: 'what to compute on' }),
  'inference.mmap': Type.Enum(['auto', 'on', 'off'], { default: 'auto', description: 'leave weights in the file and map them' }),
  max_cache_size_mb: CacheSize,
  cache_ram_mb: Type.Integer({
    minimum: 0,
    maximum: 1_000_000,
    description: 'MB beside the cache for prompts that have to leave it; 0 for none',
  }),
  calibration: Type.String({ ...Text, default: 'auto', description: 'what `edgevlm calibrate` learnt: auto, none, or its file' }),
  'server.host': Type.String({ ...Text, default: '127.0.0.1', description: 'address to listen at' }),
  'server.port': Type.Integer({ minimum: 0, maximum: 65_535, default: 8000, description: 'port to listen at; 0 takes a free one' }),
  'server.tls_cert': Type.String({ ...Text, description: 'serve https with this certificate and its chain, PEM; needs tls_key' }),
  'server.tls_key': Type.String({ ...Text, description: "the certificate's key, PEM" }),
  'server.rate_limit': Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    description: 'requests that one key, or one address without a key, may send in a minute',
  }),
  'server.fetch_from': Type.Array(
    Type.String({ maxLength: 260, pattern: HOST, expected: 'a host: example.com, *.example.com or example.com:8443' }),
    { maxItems: 100, description: 'hosts to fetch https pictures from' },
  ),
  'server.models': Type.Array(Type.String(Text), {
    minItems: 1,
    maxItems: 64,
    description: 'GGUF files and names of several models, in place of model.name; the first answers where a request names none',
  }),
  'server.models_dirs': Type.Array(Type.String(Text), {
    maxItems: 100,
    description: 'folders whose GGUF files clients with the scope admin may load',
  }),
  'server.preload': Type.Boolean({ default: false, description: 'listen when all models are loaded, not when the first is' }),
  'server.memory_budget': Type.String({
    pattern: '^(auto|[1-9][0-9]{0,14}|([1-9][0-9]{0,5}[KMGkmg]|[1-9][0-9]{0,2}[Tt])([iI]?[bB])?)$',
    expected: 'auto, or bytes such as 6000000000, 512M or 6G',
    default: 'auto',
    description: 'memory of all models together, such as 6G',
  }),
  'server.runtime': Type.Enum([...RUNTIME_NAMES], { description: 'what runs the models; the engine where it can' }),
  'server.parallel': Type.Integer({ minimum: 1, maximum: 64, default: 4, description: 'requests that run at once' }),
  'server.max_queue': Type.Integer({ minimum: 0, maximum: 100_000, default: 32, description: 'requests that wait' }),
  'server.deadline_ms': Type.Integer({ minimum: 1, maximum: 3_600_000, default: 300_000, description: 'for requests that name none' }),
  'server.pause_ms': Type.Integer({
    minimum: 0,
    maximum: 600_000,
    default: 0,
    description: 'between inferences, for boards that get hot',
  }),
  'server.pause_above_celsius': Type.Number({
    minimum: 0,
    maximum: 150,
    description: 'pause only while the board is hotter; needs pause_ms',
  }),
  'server.max_tokens': Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: 4096,
    description: 'new tokens that a request may ask for',
  }),
  'server.max_images': Type.Integer({ minimum: 1, maximum: 256, default: 16, description: 'pictures of one request' }),
  'server.max_image_bytes': Type.Integer({
    minimum: 1,
    maximum: 1_000_000_000,
    default: 20_000_000,
    description: 'size of a picture file',
  }),
  'server.max_image_pixels': Type.Integer({
    minimum: 1,
    maximum: 1_000_000_000,
    default: 50_000_000,
    description: 'width × height of a picture',
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
  /** What a pattern stands for, in words. */
  readonly expected?: string;
}

export function schemaOf(key: ConfigKey): KeySchema {
  return CONFIG_KEYS[key];
}
