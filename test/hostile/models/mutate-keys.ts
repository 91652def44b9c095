import type { Random } from '../../../src/data/scenes/random.js';
import { HOSTILE_TEMPLATES } from './hostile-templates.js';
import { hostileNumber, hostileWord, scalarBytes } from './hostile-values.js';
import { sized, u32, u64, type RawGguf, type RawKey } from './raw-gguf.js';

/** Changes a file in place. @returns what was done, in words */
export type Mutation = (raw: RawGguf, random: Random) => string;

const STRING = 8;
const ARRAY = 9;
const I32 = 5;
const F32 = 6;
const SCALARS = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12];
const EMPTY_STRING = { type: STRING, value: sized(Buffer.alloc(0)) };
const EMPTY_ARRAY = { type: ARRAY, value: Buffer.concat([u32(I32), u64(0n)]) };
/** Keys that no seed has, or not every seed, and that are read. */
const OTHER_KEYS = [
  ...['split.count', 'split.no', 'split.tensors.count', 'general.alignment', 'general.name', 'general.file_type', 'general.quantization_version'],
  ...['llama.vocab_size', 'llama.expert_count', 'llama.attention.sliding_window', 'llama.attention.key_length', 'llama.attention.value_length'],
  ...['llama.rope.scaling.factor', 'llama.rope.scaling.original_context_length', 'llama.rope.scale_linear', 'llama.rope.freq_base'],
  ...['llama.rope.scaling.attn_factor', 'llama.rope.scaling.yarn_ext_factor', 'llama.rope.scaling.yarn_attn_factor'],
  ...['llama.rope.scaling.yarn_beta_fast', 'llama.rope.scaling.yarn_beta_slow', 'llama.rope.dimension_count'],
  ...['clip.vision.feature_layer', 'clip.vision.image_grid_pinpoints', 'clip.vision.preproc_image_size', 'clip.has_audio_encoder'],
  ...['clip.vision.projector.scale_factor', 'clip.vision.projection_dim', 'clip.use_silu', 'clip.vision.n_wa_pattern'],
  ...['bos', 'eos', 'eot', 'eom', 'unknown', 'separator', 'padding', 'mask', 'fim_pre', 'fim_pad', 'fim_rep', 'prefix'].map(
    (name) => `tokenizer.ggml.${name}_token_id`,
  ),
  ...['add_bos_token', 'add_eos_token', 'add_sep_token', 'add_space_prefix', 'remove_extra_whitespaces', 'suppress_tokens'].map(
    (name) => `tokenizer.ggml.${name}`,
  ),
  ...['tokenizer.ggml.precompiled_charsmap', 'tokenizer.ggml.token_type_count', 'tokenizer.ggml.pre', 'tokenizer.huggingface.json'],
];

const changeNumber: Mutation = (raw, random) => {
  const key = pickSound(raw, random, (type) => type !== STRING && type !== ARRAY, { type: 4, value: u32(1) });
  // The type it had, more often than not: another one is refused by its type alone.
  const type = random.below(4) > 0 ? key.type : random.pick(SCALARS);
  const value = hostileNumber(random, key.type === 4 ? key.value.readUInt32LE() : undefined);
  Object.assign(key, { type, value: scalarBytes(type, value) });
  return `${label(key)} = ${value} as ${type}`;
};

const changeString: Mutation = (raw, random) => {
  const key = pickSound(raw, random, (type) => type === STRING, EMPTY_STRING);
  const word = hostileWord(random);
  key.value = sized(word);
  return `${label(key)} = "${word.subarray(0, 40).toString('latin1')}"`;
};

const addKey: Mutation = (raw, random) => {
  const name = random.pick(OTHER_KEYS);
  const type = random.pick([...SCALARS, 4, 4, 4, 6, 7, STRING, ARRAY]);
  const number = hostileNumber(random);
  const key = { name: Buffer.from(name), type, value: scalarBytes(type, number) };
  if (type === STRING) key.value = sized(hostileWord(random));
  if (type === ARRAY) key.value = numberArray(random.pick([I32, F32]), Array.from({ length: random.below(5) }, () => hostileNumber(random)));
  raw.keys = raw.keys.filter((other) => !other.name.equals(key.name));
  raw.keys.push(key);
  return `${name} = ${number} as ${type}`;
};

const removeKey: Mutation = (raw, random) => {
  const [gone] = raw.keys.splice(random.below(raw.keys.length), 1);
  return `without ${label(gone)}`;
};

const repeatKey: Mutation = (raw, random) => {
  const key = random.pick(raw.keys);
  raw.keys.splice(random.below(raw.keys.length), 0, { ...key });
  return `${label(key)} twice`;
};

const renameKey: Mutation = (raw, random) => {
  const key = random.pick(raw.keys);
  const before = label(key);
  const other = random.pick(raw.keys).name;
  key.name = random.pick([Buffer.alloc(0), Buffer.from('a\0b'), Buffer.alloc(65_535, 'k'), Buffer.alloc(70_000, 'k'), hostileWord(random), other]);
  return `${before} called ${label(key).slice(0, 40)}`;
};

const swapKeys: Mutation = (raw, random) => {
  const [a, b] = random.sample(raw.keys, 2);
  if (a !== undefined && b !== undefined) [a.name, b.name] = [b.name, a.name];
  return `${label(a)} and ${label(b)} exchanged`;
};

const retypeKey: Mutation = (raw, random) => {
  const key = random.pick(raw.keys);
  key.broken = true;
  key.type = random.pick([...SCALARS, STRING, ARRAY, 13, 99, 2 ** 31]);
  return `${label(key)} read as type ${key.type}`;
};

/** Says another length than there is, for a string or an array. */
const lieAboutLength: Mutation = (raw, random) => {
  const key = pickSound(raw, random, (type) => type === STRING || type === ARRAY, EMPTY_STRING);
  const at = key.type === ARRAY ? 4 : 0;
  const length = key.value.readBigUInt64LE(at) + BigInt(random.pick([1, -1, 7, 2 ** 20, 2 ** 24, 2 ** 32, 2 ** 53]));
  key.broken = true;
  key.value = Buffer.from(key.value);
  u64(length).copy(key.value, at);
  return `${label(key)} of length ${length}`;
};

const retypeArray: Mutation = (raw, random) => {
  const key = pickSound(raw, random, (type) => type === ARRAY, EMPTY_ARRAY);
  key.broken = true;
  key.value = Buffer.from(key.value);
  const of = random.pick([...SCALARS, STRING, ARRAY, 13, 2 ** 31]);
  u32(of).copy(key.value);
  return `${label(key)} as an array of ${of}`;
};

const changeArray: Mutation = (raw, random) => {
  const key = pickSound(raw, random, (type) => type === ARRAY, EMPTY_ARRAY);
  const of = key.value.readUInt32LE();
  if (of === STRING) return changeStrings(key, random);
  if (of !== I32 && of !== F32) return retypeArray(raw, random);
  const count = Number(key.value.readBigUInt64LE(4));
  const values = Array.from({ length: count }, (_, i) => (of === F32 ? key.value.readFloatLE(12 + 4 * i) : key.value.readInt32LE(12 + 4 * i)));
  const all = hostileNumber(random);
  const how = random.below(5);
  if (how === 0) values.splice(random.below(count + 1));
  else if (how === 1) values.fill(all);
  else if (how === 2) values.push(...values.slice(0, 100));
  else for (let times = random.below(20); times >= 0; times--) values[random.below(count)] = hostileNumber(random);
  key.value = numberArray(of, values);
  return `${label(key)} changed in way ${how} (${all})`;
};

function changeStrings(key: RawKey, random: Random): string {
  let texts = stringsOf(key);
  const how = random.below(10);
  const one = random.below(Math.max(texts.length, 1));
  const put = (text: Buffer): void => {
    texts[one] = text;
  };
  if (how === 0) texts.splice(random.below(texts.length + 1));
  else if (how === 1) put(texts[random.below(texts.length)] ?? Buffer.alloc(0));
  else if (how === 2) put(Buffer.alloc(0));
  else if (how === 3) put(hostileWord(random));
  else if (how === 4) put(Buffer.alloc(random.pick([2, 1000, 1024, 1025, 5000, 100_000]), random.pick(['a', 'é', '\u0120', '中', ' ', '\0'])));
  else if (how === 5) texts = random.sample(texts, texts.length);
  else if (how === 6) texts = texts.map((text) => (random.below(4) === 0 ? Buffer.from(text).reverse() : text));
  else if (how === 7) texts = texts.map((text) => Buffer.from(text.toString().replace(/ /g, random.pick(['', '  ', '\n']))));
  else if (how === 8) texts.splice(one, 1);
  else texts.push(...Array.from({ length: random.pick([1, 10, 5000]) }, (_, i) => Buffer.from(`extra${i}`)));
  key.value = Buffer.concat([u32(STRING), u64(BigInt(texts.length)), ...texts.map(sized)]);
  return `${label(key)} changed in way ${how} at ${one}`;
}

const changeTemplate: Mutation = (raw, random) => {
  const name = Buffer.from('tokenizer.chat_template');
  const key = raw.keys.find((other) => other.name.equals(name)) ?? { name, type: STRING, value: sized(Buffer.from('{{ messages[0].content }}')) };
  if (!raw.keys.includes(key)) raw.keys.push(key);
  const index = random.below(HOSTILE_TEMPLATES.length * 2);
  let text = HOSTILE_TEMPLATES[index];
  if (text === undefined) {
    const before = key.value.subarray(8).toString();
    const at = random.below(before.length + 1);
    text = before.slice(0, at) + random.pick(['', '{{', '}}', '{%', '%}', "'", '\\', '[', '|', 'x', '{% endfor %}']) + before.slice(at + random.below(8));
  }
  key.value = sized(Buffer.from(text));
  return `chat template ${index}`;
};

const addManyKeys: Mutation = (raw, random) => {
  const count = random.pick([50, 4000, 5000]);
  for (let i = 0; i < count; i++) raw.keys.push({ name: Buffer.from(`x.${i}`), type: 4, value: u32(i) });
  return `${count} more keys`;
};

/** Those that reach deep come more than once. */
export const KEY_MUTATIONS: readonly Mutation[] = [
  ...[changeNumber, changeNumber, changeNumber, changeNumber, changeNumber, changeString, addKey, addKey, addKey, removeKey, repeatKey, renameKey],
  ...[swapKeys, retypeKey, lieAboutLength, retypeArray, changeArray, changeArray, changeArray, changeTemplate, changeTemplate, addManyKeys],
];

function label(key: RawKey | undefined): string {
  return key?.name.subarray(0, 60).toString('latin1') ?? '';
}

/** A key whose value is what its type says; where there is none left, another one is added. */
function pickSound(raw: RawGguf, random: Random, fits: (type: number) => boolean, other: Omit<RawKey, 'name'>): RawKey {
  const keys = raw.keys.filter(({ type, broken }) => broken !== true && fits(type));
  if (keys.length > 0) return random.pick(keys);
  const key = { ...other, name: Buffer.from('edgevlm.other') };
  raw.keys.push(key);
  return key;
}

function numberArray(of: number, values: readonly number[]): Buffer {
  return Buffer.concat([u32(of), u64(BigInt(values.length)), ...values.map((value) => scalarBytes(of, value))]);
}

function stringsOf({ value }: RawKey): Buffer[] {
  const texts: Buffer[] = [];
  for (let at = 12; at < value.length;) {
    const length = Number(value.readBigUInt64LE(at));
    texts.push(value.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return texts;
}
