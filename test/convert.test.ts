import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpointConfig } from '../src/convert/checkpoint-config.js';
import { convertModel, type ConvertOptions } from '../src/convert/convert-model.js';
import type { OutputType } from '../src/convert/output-type.js';
import { readVocabulary } from '../src/convert/vocabulary/read-vocabulary.js';
import { EdgeVlmError, type ErrorCode } from '../src/core/errors.js';
import { readGguf, type GgufFile } from '../src/formats/gguf/read-gguf.js';
import { writeTinyCheckpoint, type TinyCheckpoint } from './tiny-checkpoint.js';

const CONVERTED = fileURLToPath(new URL('fixtures/converted/', import.meta.url));
const CHECKPOINTS: TinyCheckpoint[] = ['tiny-llama-bpe', 'tiny-llama-spm', 'tiny-smolvlm'];
/** gguf-py's names of value types. */
const VALUE_TYPES: Record<string, string> = { string: 'string', uint32: 'u32', float32: 'f32', int32: 'i32', bool: 'bool' };

/** One file of llama.cpp's converter, as fixtures/make_converted.py describes it. */
interface Reference {
  sha256: string | null;
  bytes: number | null;
  metadata: [key: string, type: string, value: unknown][];
  tensors: [name: string, type: string, shape: number[], sha256: string][];
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convert-'));
  for (const name of CHECKPOINTS) await writeTinyCheckpoint(name, join(folder, name));
});
afterAll(() => rm(folder, { recursive: true }));

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function referencesOf(name: TinyCheckpoint): Promise<Record<string, Reference>> {
  return JSON.parse(await readFile(join(CONVERTED, `${name}.json`), 'utf8')) as Record<string, Reference>;
}

async function tensorsOf(path: string): Promise<Reference['tensors']> {
  const bytes = await readFile(path);
  const { tensors } = await readGguf(path);
  return tensors.map(({ name, type, shape, fileOffset, bytes: length }) => [
    name,
    type.toLowerCase(),
    [...shape],
    sha256(bytes.subarray(fileOffset, fileOffset + length)),
  ]);
}

/** Converts both halves where there are two; the paths by the reference's names. */
async function converted(name: TinyCheckpoint, type: OutputType): Promise<Record<string, string>> {
  const model = join(folder, `${name}-${type}.gguf`);
  const mmproj = name === 'tiny-smolvlm' ? join(folder, `${name}-mmproj-${type}.gguf`) : undefined;
  await convertModel({ dir: join(folder, name), out: model, mmprojOut: mmproj, type, mmprojType: type });
  return { [type]: model, ...(mmproj !== undefined && { [`mmproj-${type}`]: mmproj }) };
}

describe.each(CHECKPOINTS)('%s', (name) => {
  it.each(['f32', 'f16', 'q8_0'] as const)("as %s is the file of llama.cpp's converter, byte for byte", async (type) => {
    const references = await referencesOf(name);
    for (const [kind, path] of Object.entries(await converted(name, type))) {
      const reference = references[kind];
      expect(reference).toBeDefined();
      if (reference === undefined) continue;
      // First what can be read when it differs.
      const { metadata } = await readGguf(path);
      expect([...metadata.entries()].map(([key]) => key)).toEqual(reference.metadata.map(([key]) => key));
      for (const [key, type_, value] of reference.metadata) {
        if (VALUE_TYPES[type_] !== undefined && !String(value).startsWith('sha256:')) {
          const found = metadata.get(key);
          expect([key, found?.type, found?.value]).toEqual([key, VALUE_TYPES[type_], value]);
        }
      }
      expect(await tensorsOf(path)).toEqual(reference.tensors);
      expect(sha256(await readFile(path))).toBe(reference.sha256);
    }
  });

  it("as q4_0 has the matrices of gguf-py's reference quantiser, and a q8_0 head", async () => {
    const references = await referencesOf(name);
    const { q4_0: path = '' } = await converted(name, 'q4_0');
    const { metadata } = await readGguf(path);
    expect(metadata.number('general.file_type')).toBe(2);
    const found = new Map((await tensorsOf(path)).map((row) => [row[0], row]));
    const head = found.has('output.weight') ? 'output.weight' : 'token_embd.weight';
    expect(found.get(head)).toEqual(references['q8_0']?.tensors.find(([tensor]) => tensor === head));
    for (const row of references['q4_0']?.tensors ?? []) {
      if (row[0] !== head) expect(found.get(row[0])).toEqual(row);
    }
    expect(references['q4_0']?.tensors.length).toBeGreaterThan(10);
  });
});

/** A copy of a checkpoint to change. */
async function copyOf(name: TinyCheckpoint): Promise<string> {
  const place = join(await mkdtemp(join(folder, 'copy-')), name);
  await cp(join(folder, name), place, { recursive: true });
  return place;
}

async function edit(path: string, change: (json: Record<string, unknown>) => void): Promise<void> {
  const json = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  change(json);
  await writeFile(path, JSON.stringify(json));
}

async function convertedCopy(dir: string, options: Partial<ConvertOptions> = {}): Promise<GgufFile> {
  const out = join(dir, '..', 'out.gguf');
  await convertModel({ dir, out, type: 'f32', ...options });
  return readGguf(out);
}

/** The code of the error, after checking that nothing was left behind. */
async function refusal(dir: string, options: Partial<ConvertOptions> = {}): Promise<ErrorCode | 'none'> {
  const place = await mkdtemp(join(folder, 'refused-'));
  try {
    await convertModel({ dir, out: join(place, 'out.gguf'), type: 'f32', ...options });
    return 'none';
  } catch (error) {
    if (!(error instanceof EdgeVlmError)) throw error;
    expect(await readdir(place)).toEqual([]);
    return error.code;
  }
}

describe('checkpoints of other makes', () => {
  it('in several files give the same model', async () => {
    const dir = await copyOf('tiny-llama-bpe');
    await rename(join(dir, 'model.safetensors'), join(dir, 'model-00001-of-00001.safetensors'));
    const whole = await readGguf(join(folder, 'tiny-llama-bpe-f32.gguf')).catch(async () => {
      const { f32 = '' } = await converted('tiny-llama-bpe', 'f32');
      return readGguf(f32);
    });
    const bytes = await readFile(join(dir, 'model-00001-of-00001.safetensors'));
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString()) as Record<string, unknown>;
    const weightMap = Object.fromEntries(Object.keys(header).map((tensor) => [tensor, 'model-00001-of-00001.safetensors']));
    await writeFile(join(dir, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
    const file = await convertedCopy(dir);
    expect(await tensorsOf(file.path)).toEqual(await tensorsOf(whole.path));
  });

  it('with merges written as text, or a template in tokenizer_config.json, give the same vocabulary', async () => {
    const dir = await copyOf('tiny-llama-bpe');
    const before = await convertedCopy(dir);
    await edit(join(dir, 'tokenizer.json'), (json) => {
      const model = json['model'] as { merges: string[][] | string[] };
      model.merges = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
    });
    const template = await readFile(join(dir, 'chat_template.jinja'), 'utf8');
    await rm(join(dir, 'chat_template.jinja'));
    await edit(join(dir, 'tokenizer_config.json'), (json) => {
      json['chat_template'] = [
        { name: 'default', template },
        { name: 'tool-use', template: 'x' },
      ];
    });
    const { metadata } = await convertedCopy(dir);
    for (const key of ['tokenizer.ggml.merges', 'tokenizer.ggml.tokens', 'tokenizer.chat_template']) {
      expect(metadata.get(key)).toEqual(before.metadata.get(key));
    }
    expect(metadata.string('tokenizer.chat_template.tool_use')).toBe('x');
    expect(metadata.strings('tokenizer.chat_templates')).toEqual(['tool_use']);
  });

  it('with a SentencePiece vocabulary in tokenizer.json only give the ranks and types of tokenizer.model', async () => {
    const dir = await copyOf('tiny-llama-spm');
    const model = (await convertedCopy(dir)).metadata;
    await rm(join(dir, 'tokenizer.model'));
    const json = (await convertedCopy(dir)).metadata;
    expect(json.string('tokenizer.ggml.model')).toBe('llama');
    const tokens = json.strings('tokenizer.ggml.tokens');
    expect(tokens).toEqual(model.strings('tokenizer.ggml.tokens'));
    expect(json.numbers('tokenizer.ggml.token_type')).toEqual(model.numbers('tokenizer.ggml.token_type'));
    const [ranks, scores] = [json.numbers('tokenizer.ggml.scores'), model.numbers('tokenizer.ggml.scores')];
    const merged = [...tokens.keys()].filter((id) => tokens[id]?.startsWith('<') === false && (tokens[id] ?? '').length > 1);
    expect(merged.length).toBeGreaterThan(30);
    expect(merged.map((id) => ranks[id])).toEqual(merged.map((id) => scores[id]));
  });

  it('with scaled rotary positions keep the scaling', async () => {
    const dir = await copyOf('tiny-llama-bpe');
    await edit(join(dir, 'config.json'), (json) => {
      json['rope_parameters'] = { rope_type: 'linear', factor: 4, rope_theta: 5000 };
    });
    const linear = (await convertedCopy(dir)).metadata;
    expect([linear.string('llama.rope.scaling.type'), linear.number('llama.rope.scaling.factor')]).toEqual(['linear', 4]);
    expect(linear.number('llama.rope.freq_base')).toBe(5000);
    await edit(join(dir, 'config.json'), (json) => {
      json['rope_parameters'] = {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 64,
        rope_theta: 10000,
      };
    });
    const file = await convertedCopy(dir);
    const factors = file.tensors.find(({ name }) => name === 'rope_freqs.weight');
    expect(factors).toMatchObject({ type: 'f32', shape: [16] });
    const bytes = (await readFile(file.path)).subarray(factors?.fileOffset);
    const values = Array.from({ length: 16 }, (_, index) => bytes.readFloatLE(4 * index));
    // What llama.cpp's `generate_extra_tensors` gives for this configuration.
    const wanted = [1, 1, 1.293976, 2.765173, 7.667385, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8];
    for (const [index, value] of wanted.entries()) expect(values[index]).toBeCloseTo(value, 4);
  });

  it('with fewer tokens than embedding rows name the rest as unused', async () => {
    const dir = await copyOf('tiny-llama-bpe');
    await edit(join(dir, 'tokenizer.json'), (json) => {
      const model = json['model'] as { vocab: Record<string, number> };
      model.vocab = Object.fromEntries(Object.entries(model.vocab).filter(([, id]) => id !== 319));
    });
    const { metadata } = await convertedCopy(dir);
    expect(metadata.strings('tokenizer.ggml.tokens').at(-1)).toBe('[PAD319]');
    expect(metadata.numbers('tokenizer.ggml.token_type').at(-1)).toBe(5);
  });
});

describe('a checkpoint that cannot be converted is refused before anything is written', () => {
  const config = (change: (json: Record<string, unknown>) => void) => (dir: string) => edit(join(dir, 'config.json'), change);
  const tokenizer = (change: (json: Record<string, unknown>) => void) => (dir: string) => edit(join(dir, 'tokenizer.json'), change);
  const cases: [string, TinyCheckpoint, (dir: string) => Promise<void>, ErrorCode][] = [
    ['no config.json', 'tiny-llama-bpe', (dir) => rm(join(dir, 'config.json')), 'MODEL_INCOMPLETE'],
    ['a config.json that is not JSON', 'tiny-llama-bpe', (dir) => writeFile(join(dir, 'config.json'), '{'), 'CHECKPOINT_INVALID'],
    ['another architecture', 'tiny-llama-bpe', config((json) => (json['architectures'] = ['GPT2LMHeadModel'])), 'CHECKPOINT_UNSUPPORTED'],
    ['another activation', 'tiny-llama-bpe', config((json) => (json['hidden_act'] = 'gelu')), 'CHECKPOINT_UNSUPPORTED'],
    ['experts', 'tiny-llama-bpe', config((json) => (json['num_local_experts'] = 8)), 'CHECKPOINT_UNSUPPORTED'],
    [
      'another rotary scaling',
      'tiny-llama-bpe',
      config((json) => (json['rope_parameters'] = { rope_type: 'yarn' })),
      'CHECKPOINT_UNSUPPORTED',
    ],
    ['a negative size', 'tiny-llama-bpe', config((json) => (json['hidden_size'] = -64)), 'CHECKPOINT_INVALID'],
    ['a huge layer count', 'tiny-llama-bpe', config((json) => (json['num_hidden_layers'] = 1e9)), 'CHECKPOINT_INVALID'],
    ['more layers than tensors', 'tiny-llama-bpe', config((json) => (json['num_hidden_layers'] = 4)), 'MODEL_INCOMPLETE'],
    ['fewer layers than tensors', 'tiny-llama-bpe', config((json) => (json['num_hidden_layers'] = 2)), 'CHECKPOINT_UNSUPPORTED'],
    ['sizes of another model', 'tiny-llama-bpe', config((json) => (json['intermediate_size'] = 128)), 'CHECKPOINT_INVALID'],
    ['no head and no tied embedding', 'tiny-llama-bpe', config((json) => (json['tie_word_embeddings'] = false)), 'MODEL_INCOMPLETE'],
    ['no weights', 'tiny-llama-bpe', (dir) => rm(join(dir, 'model.safetensors')), 'FILE_NOT_FOUND'],
    ['no tokenizer', 'tiny-llama-bpe', (dir) => rm(join(dir, 'tokenizer.json')), 'MODEL_INCOMPLETE'],
    ['a token beyond the embedding', 'tiny-llama-bpe', config((json) => (json['vocab_size'] = 300)), 'CHECKPOINT_INVALID'],
    [
      'an unknown pre-tokenizer',
      'tiny-llama-bpe',
      tokenizer((json) => (json['pre_tokenizer'] = { type: 'Whitespace' })),
      'CHECKPOINT_UNSUPPORTED',
    ],
    [
      'an unknown normalizer',
      'tiny-llama-bpe',
      tokenizer((json) => (json['normalizer'] = { type: 'Lowercase' })),
      'CHECKPOINT_UNSUPPORTED',
    ],
    [
      'a merge that is no pair',
      'tiny-llama-bpe',
      tokenizer((json) => ((json['model'] as Record<string, unknown>)['merges'] = ['a b c'])),
      'CHECKPOINT_INVALID',
    ],
    [
      'another kind of tokenizer',
      'tiny-llama-bpe',
      tokenizer((json) => ((json['model'] as Record<string, unknown>)['type'] = 'WordPiece')),
      'CHECKPOINT_UNSUPPORTED',
    ],
    ['a broken tokenizer.model', 'tiny-llama-spm', (dir) => writeFile(join(dir, 'tokenizer.model'), 'text'), 'CHECKPOINT_INVALID'],
  ];
  it.each(cases)('%s', async (_what, name, damage, code) => {
    const dir = await copyOf(name);
    await damage(dir);
    expect(await refusal(dir)).toBe(code);
  });

  it('a vision half that is not there, or not described', async () => {
    const mmprojOut = join(folder, 'never.gguf');
    expect(await refusal(join(folder, 'tiny-llama-bpe'), { mmprojOut })).toBe('CHECKPOINT_UNSUPPORTED');
    const dir = await copyOf('tiny-smolvlm');
    await rm(join(dir, 'preprocessor_config.json'));
    expect(await refusal(dir, { mmprojOut })).toBe('MODEL_INCOMPLETE');
    expect(await refusal(dir)).toBe('none');
  });

  it('a folder that is not there', async () => {
    expect(await refusal(join(folder, 'nowhere'))).toBe('MODEL_INCOMPLETE');
  });

  it('a stop request', async () => {
    expect(await refusal(join(folder, 'tiny-llama-bpe'), { signal: AbortSignal.abort() })).toBe('CANCELLED');
  });
});

describe('damaged small files', () => {
  it.each(['config.json', 'tokenizer.json', 'tokenizer_config.json', 'tokenizer.model'])(
    '%s never gives anything but a model or a coded error',
    async (file) => {
      const dir = await copyOf('tiny-llama-spm');
      if (file === 'tokenizer.json') await rm(join(dir, 'tokenizer.model'));
      const bytes = await readFile(join(dir, file));
      const edits = fc.array(
        fc.record({ at: fc.nat(bytes.length - 1), remove: fc.nat(3), add: fc.oneof(fc.uint8Array({ maxLength: 3 }), TOKENS) }),
        { minLength: 1, maxLength: 3 },
      );
      await fc.assert(
        fc.asyncProperty(edits, async (changes) => {
          let damaged = Buffer.from(bytes);
          for (const { at, remove, add } of changes) damaged = Buffer.concat([damaged.subarray(0, at), add, damaged.subarray(at + remove)]);
          await writeFile(join(dir, file), damaged);
          const read = file === 'config.json' ? readCheckpointConfig(dir) : readVocabulary(dir, 352);
          await read.catch((error: unknown) => {
            expect(error).toBeInstanceOf(EdgeVlmError);
            expect(error).toMatchObject({ code: expect.stringMatching(/^(CHECKPOINT_|MODEL_)/) as string });
          });
        }),
        { numRuns: 200 },
      );
    },
  );
});

/** Pieces of JSON that change what is meant without breaking the syntax everywhere. */
const TOKENS = fc.constantFrom('null', '0', '-1', '1e99', '"', '[]', '{}', 'true', ',').map((text) => Buffer.from(text));
