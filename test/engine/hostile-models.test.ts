import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EdgeVlmError, type ErrorCode } from '../../src/core/errors.js';
import { Engine } from '../../src/engine/engine.js';
import type { EngineOptions } from '../../src/engine/engine-options.js';
import type { GgufValue } from '../../src/formats/gguf/gguf-value.js';
import { TextEngine } from '../../src/runtimes/engine/text-engine.js';
import { collect } from './support/collect.js';
import { editGguf, editTensor, type EditableGguf } from './support/edit-gguf.js';
import { temporaryFolder, tinyModel } from './support/tiny-models.js';
import { writeTinyMmproj } from './support/tiny-mmproj.js';

const text = await tinyModel('tiny-llama-spm');
const bpe = await tinyModel('tiny-llama-bpe');
const vision = await tinyModel('tiny-smolvlm');
const folder = await temporaryFolder();
const llava = await writeTinyMmproj('tiny-llava', join(folder, 'llava.gguf'));
const ldp = await writeTinyMmproj('tiny-mobilevlm', join(folder, 'ldp.gguf'));
const ldpv2 = await writeTinyMmproj('tiny-mobilevlm-v2', join(folder, 'ldpv2.gguf'));
let files = 0;

type Change = (contents: EditableGguf) => void;
const changed = (from: string, change: Change): Promise<string> => editGguf(from, join(folder, `${files++}.gguf`), change);
const set =
  (key: string, value: GgufValue): Change =>
  ({ metadata }) => {
    metadata.set(key, value);
  };
const u32 = (value: number): GgufValue => ({ type: 'u32', value });
const f32 = (value: number): GgufValue => ({ type: 'f32', value });
const string = (value: string): GgufValue => ({ type: 'string', value });
const remove =
  (key: string): Change =>
  ({ metadata, tensors }) => {
    metadata.delete(key);
    tensors.delete(key);
  };
const reshape =
  (name: string, shape: number[]): Change =>
  (contents) => {
    editTensor(contents, name, () => ({ shape }));
  };
const retype =
  (name: string, type: 'i32' | 'f16' | 'i16'): Change =>
  (contents) => {
    editTensor(contents, name, ({ shape, data }) => ({
      type,
      data: async () => (await data()).subarray(0, shape.reduce((a, b) => a * b) * (type === 'i32' ? 4 : 2)),
    }));
  };

/** Adds a tensor of ones. */
const withTensor =
  (name: string, shape: number[]): Change =>
  ({ tensors }) => {
    const values = new Float32Array(shape.reduce((a, b) => a * b)).fill(1);
    tensors.set(name, { name, type: 'f32', shape, data: () => new Uint8Array(values.buffer) });
  };
const yarn: Change = ({ metadata }) => {
  metadata.set('llama.rope.scaling.type', string('yarn'));
  for (const key of ['factor', 'attn_factor', 'yarn_ext_factor', 'yarn_attn_factor', 'yarn_beta_fast', 'yarn_beta_slow']) {
    metadata.set(`llama.rope.scaling.${key}`, f32(2));
  }
  metadata.set('llama.rope.scaling.original_context_length', u32(64));
  metadata.set('llama.attention.sliding_window', u32(16));
};

/** Changes the vocabulary's tokens; the embeddings keep their rows. */
const tokens =
  (change: (tokens: string[]) => string[]): Change =>
  ({ metadata }) => {
    const found = metadata.get('tokenizer.ggml.tokens');
    if (found?.type !== 'array' || found.of !== 'string') throw new Error('the file has no tokens');
    metadata.set('llama.vocab_size', u32(found.value.length));
    metadata.set('tokenizer.ggml.tokens', { type: 'array', of: 'string', value: change([...found.value]) });
  };

/** Makes a token and the next one the likeliest, whatever came before. */
const favouring =
  (token: number): Change =>
  (contents) => {
    editTensor(contents, 'output.weight', ({ shape: [width = 0, rows = 0] }) => ({
      data: () => {
        const values = new Float32Array(width * rows);
        values.fill(1, token * width, (token + 1) * width);
        values.fill(-1, (token + 1) * width, (token + 2) * width);
        return new Uint8Array(values.buffer);
      },
    }));
  };

const both =
  (first: Change, second: Change): Change =>
  (contents) => {
    first(contents);
    second(contents);
  };

/** The code that loading fails with; no crash, and nothing but an EdgeVlmError. */
async function refusal(options: EngineOptions): Promise<ErrorCode | 'none'> {
  try {
    (await TextEngine.load({ threads: 1, context: 64, ...options }))[Symbol.dispose]();
    return 'none';
  } catch (thrown) {
    if (!(thrown instanceof EdgeVlmError)) throw thrown;
    return thrown.code;
  }
}

describe('the language half', () => {
  test.each<[string, ErrorCode, Change]>([
    ['a matrix of another shape', 'MODEL_INCOMPLETE', reshape('blk.1.attn_q.weight', [128, 512])],
    ['a norm of another length', 'MODEL_INCOMPLETE', reshape('blk.0.ffn_norm.weight', [128, 2])],
    ['no output norm', 'MODEL_INCOMPLETE', remove('output_norm.weight')],
    ['no matrix in the last layer', 'MODEL_INCOMPLETE', remove('blk.1.ffn_down.weight')],
    ['embeddings of whole numbers', 'MODEL_UNSUPPORTED', retype('token_embd.weight', 'i32')],
    ['a matrix of short whole numbers', 'MODEL_UNSUPPORTED', retype('blk.0.attn_v.weight', 'i16')],
    ['a norm in f16', 'MODEL_UNSUPPORTED', retype('blk.0.attn_norm.weight', 'f16')],
    ['more layers than tensors', 'MODEL_INCOMPLETE', set('llama.block_count', u32(1024))],
    ['no layers', 'GGUF_LIMIT', set('llama.block_count', u32(0))],
    ['four billion heads', 'GGUF_LIMIT', set('llama.attention.head_count', u32(2 ** 32 - 1))],
    ['no heads', 'GGUF_LIMIT', set('llama.attention.head_count', u32(0))],
    ['fewer heads than key heads', 'GGUF_INVALID', set('llama.attention.head_count', u32(3))],
    ['more heads than its matrices hold', 'MODEL_INCOMPLETE', set('llama.attention.head_count', u32(8))],
    ['heads that cannot share key heads', 'GGUF_INVALID', set('llama.attention.head_count_kv', u32(3))],
    ['more key heads than heads', 'GGUF_INVALID', set('llama.attention.head_count_kv', u32(8))],
    ['heads by layer', 'GGUF_INVALID', set('llama.attention.head_count', { type: 'array', of: 'u32', value: Uint32Array.of(4, 4) })],
    ['a width in words', 'GGUF_INVALID', set('llama.embedding_length', string('wide'))],
    ['a fractional width', 'GGUF_INVALID', set('llama.embedding_length', f32(256.5))],
    ['no width', 'MODEL_INCOMPLETE', remove('llama.embedding_length')],
    ['an epsilon of zero', 'GGUF_INVALID', set('llama.attention.layer_norm_rms_epsilon', f32(0))],
    ['an epsilon that is no number', 'GGUF_INVALID', set('llama.attention.layer_norm_rms_epsilon', f32(NaN))],
    ['a negative rotary base', 'GGUF_INVALID', set('llama.rope.freq_base', f32(-1))],
    ['rotary positions of half the head', 'MODEL_UNSUPPORTED', set('llama.rope.dimension_count', u32(32))],
    ['rotary positions scaled by LongRoPE', 'MODEL_UNSUPPORTED', set('llama.rope.scaling.type', string('longrope'))],
    ['a negative scaling factor', 'GGUF_INVALID', set('llama.rope.scaling.factor', f32(-4))],
    ['a scaling factor that is no number', 'GGUF_INVALID', set('llama.rope.scaling.factor', f32(NaN))],
    ['a YaRN that shrinks', 'GGUF_INVALID', both(yarn, set('llama.rope.scaling.factor', f32(1e-5)))],
    ['a YaRN of no rotations', 'GGUF_INVALID', both(yarn, set('llama.rope.scaling.yarn_beta_slow', f32(0)))],
    ['rotary factors of another length', 'MODEL_INCOMPLETE', withTensor('rope_freqs.weight', [31])],
    ['experts', 'MODEL_UNSUPPORTED', set('llama.expert_count', u32(8))],
    ['an unknown architecture', 'MODEL_UNSUPPORTED', set('general.architecture', string('mamba'))],
    ['no architecture', 'MODEL_INCOMPLETE', remove('general.architecture')],
    ['a vocabulary larger than its embeddings', 'MODEL_INCOMPLETE', set('llama.vocab_size', u32(2 ** 31))],
    ['no tokens', 'MODEL_INCOMPLETE', remove('tokenizer.ggml.tokens')],
    ['an unknown tokeniser', 'TOKENIZER_FAILED', set('tokenizer.ggml.model', string('runes'))],
    ['a token that is there twice', 'TOKENIZER_FAILED', tokens((all) => all.with(-1, all[0] ?? ''))],
    ['a byte that has no token', 'TOKENIZER_FAILED', tokens((all) => all.map((token) => (token === '<0xC3>' ? 'Ã' : token)))],
    ['other parts, which libllama would open', 'MODEL_UNSUPPORTED', set('split.count', { type: 'u16', value: 2 })],
    ['fewer scores than tokens', 'TOKENIZER_FAILED', set('tokenizer.ggml.scores', { type: 'array', of: 'f32', value: Float32Array.of(1) })],
    ['a chat template that is broken', 'TEMPLATE_FAILED', set('tokenizer.chat_template', string('{% for %}'))],
  ])('with %s is refused: %s', async (_, code, change) => {
    expect(await refusal({ model: await changed(text.model, change) })).toBe(code);
  });

  test.each<[string, Change]>([
    [
      'whose first token is none of the vocabulary',
      both(
        both(
          tokens((all) => all.slice(0, 8)),
          remove('tokenizer.ggml.bos_token_id'),
        ),
        set('tokenizer.ggml.add_bos_token', { type: 'bool', value: true }),
      ),
    ],
    ['whose words keep their spaces', set('tokenizer.ggml.pre', string('whitespace'))],
  ])('of byte-level BPE %s is refused', async (_, change) => {
    expect(await refusal({ model: await changed(bpe.model, change) })).toBe('TOKENIZER_FAILED');
  });

  test.each<[string, Change]>([
    [
      'tokens that its vocabulary does not have',
      both(
        tokens((all) => all.slice(0, 300)),
        favouring(310),
      ),
    ],
    ['a control token that no C string can hold', tokens((all) => all.with(1, '\0<s>'))],
  ])('answers with %s', async (_, change) => {
    using engine = await TextEngine.load({ model: await changed(text.model, change), threads: 1, context: 64 });
    const events = [];
    const input = { messages: [{ role: 'user', content: [{ type: 'text', text: 'A' }] }] } as const;
    for await (const event of engine.generate({ input, maxTokens: 3 })) events.push(event);
    expect(events.at(-1)).toMatchObject({ type: 'done', result: { completionTokens: 3 } });
  });

  test('of numbers that are none answers without a crash, greedy and sampled', async () => {
    const model = await changed(text.model, (contents) => {
      editTensor(contents, 'output.weight', ({ data }) => ({ data: async () => new Uint8Array((await data()).length).fill(0xff) }));
    });
    using engine = await Engine.load({ model, threads: 1, context: 64 });
    const prompt = [{ type: 'tokens', tokens: Int32Array.of(1, 2, 3) } as const];
    for (const sampling of [{}, { temperature: 1 }, { temperature: 1, topK: 0, minP: 0, topP: 1, repeatPenalty: 2 }]) {
      const outcome = await collect(engine, { prompt, maxTokens: 5, sampling }).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'NATIVE_FAILED' });
      else expect(outcome).toMatchObject({ result: { completionTokens: 5 } });
    }
  });
});

describe('the vision half', () => {
  test.each<[string, ErrorCode, Change]>([
    ['image tokens of another width', 'MMPROJ_MISMATCH', set('clip.vision.projection_dim', u32(128))],
    ['no encoder', 'MMPROJ_MISMATCH', set('clip.has_vision_encoder', { type: 'bool', value: false })],
    ['an unknown projector', 'MODEL_UNSUPPORTED', set('clip.projector_type', string('resampler'))],
    ['pictures larger than its positions', 'MODEL_INCOMPLETE', set('clip.vision.image_size', u32(4096))],
    ['patches of no size', 'GGUF_LIMIT', set('clip.vision.patch_size', u32(0))],
    ['patches larger than a picture', 'MODEL_UNSUPPORTED', set('clip.vision.patch_size', u32(128))],
    ['patches of another size than its weights', 'MODEL_INCOMPLETE', set('clip.vision.patch_size', u32(15))],
    ['heads that do not divide its width', 'MODEL_UNSUPPORTED', set('clip.vision.attention.head_count', u32(5))],
    ['another activation', 'MODEL_UNSUPPORTED', set('clip.use_gelu', { type: 'bool', value: false })],
    ['a fold that its grid does not allow', 'MODEL_UNSUPPORTED', set('clip.vision.projector.scale_factor', u32(3))],
    ['a fold of nothing', 'MODEL_UNSUPPORTED', set('clip.vision.projector.scale_factor', u32(0))],
    ['a negative epsilon', 'GGUF_INVALID', set('clip.vision.attention.layer_norm_epsilon', f32(-1))],
    [
      'a deviation of zero',
      'GGUF_INVALID',
      set('clip.vision.image_std', { type: 'array', of: 'f32', value: Float32Array.of(0.5, 0, 0.5) }),
    ],
    ['means of one colour', 'GGUF_INVALID', set('clip.vision.image_mean', { type: 'array', of: 'f32', value: Float32Array.of(0.5) })],
    ['a patch matrix of another shape', 'MODEL_INCOMPLETE', reshape('v.patch_embd.weight', [16, 16, 48, 3])],
    ['a bias in f16', 'MODEL_UNSUPPORTED', retype('v.blk.0.attn_q.bias', 'f16')],
    ['no projector matrix', 'MODEL_INCOMPLETE', remove('mm.model.fc.weight')],
  ])('with %s is refused: %s', async (_, code, change) => {
    expect(await refusal({ model: vision.model, mmproj: await changed(vision.mmproj ?? '', change) })).toBe(code);
  });

  test('must be one, and must not stand in for the language half', async () => {
    expect(await refusal({ model: vision.model, mmproj: vision.model })).toBe('MMPROJ_MISMATCH');
    expect(await refusal({ model: vision.mmproj ?? '' })).toBe('MODEL_UNSUPPORTED');
    expect(await refusal({ model: text.model, ...(vision.mmproj && { mmproj: vision.mmproj }) })).toBe('MMPROJ_MISMATCH');
  });
});

describe("a vision half of LLaVA's line", () => {
  const ints = (...values: number[]): GgufValue => ({ type: 'array', of: 'i32', value: Int32Array.from(values) });

  test.each<[string, ErrorCode, string, Change]>([
    ['no class token', 'MODEL_INCOMPLETE', llava, remove('v.class_embd')],
    ['positions of another count', 'MODEL_INCOMPLETE', llava, reshape('v.position_embd.weight', [65, 48])],
    ['no projector', 'MODEL_INCOMPLETE', llava, remove('mm.2.bias')],
    ['a projector of one layer', 'MODEL_INCOMPLETE', llava, remove('mm.2.weight')],
    ['tiles, as LLaVA-1.6 has them', 'MODEL_UNSUPPORTED', llava, set('clip.vision.image_grid_pinpoints', ints(336, 672))],
    ['features of two blocks', 'MODEL_UNSUPPORTED', llava, set('clip.vision.feature_layer', ints(2, 3))],
    ['features of a block that is not stored', 'MODEL_UNSUPPORTED', llava, set('clip.vision.feature_layer', ints(4))],
    ['features of no block', 'MODEL_UNSUPPORTED', llava, set('clip.vision.feature_layer', ints())],
    ['no squeeze-and-excitation', 'MODEL_INCOMPLETE', ldp, remove('mm.model.mb_block.2.block.1.fc1.bias')],
    ['a kernel of another shape', 'MODEL_INCOMPLETE', ldp, reshape('mm.model.mb_block.1.block.0.0.weight', [9, 1, 256, 1])],
    ['a kernel of whole numbers', 'MODEL_UNSUPPORTED', ldpv2, retype('mm.model.peg.0.weight', 'i32')],
    ['a grid that cannot be pooled', 'MODEL_UNSUPPORTED', ldpv2, set('clip.vision.patch_size', u32(6))],
    ['a projector of another kind', 'MODEL_INCOMPLETE', ldpv2, set('clip.projector_type', string('ldp'))],
  ])('with %s is refused: %s', async (_, code, from, change) => {
    expect(await refusal({ model: text.model, mmproj: await changed(from, change) })).toBe(code);
  });

  test('names the block it wants, where it stores more', async () => {
    expect(await refusal({ model: text.model, mmproj: await changed(llava, set('clip.vision.feature_layer', ints(2))) })).toBe('none');
  });
});

describe('what a caller may get wrong', () => {
  test.each<[string, ErrorCode, Partial<EngineOptions>]>([
    ['no threads', 'USAGE', { threads: 0 }],
    ['a million threads', 'USAGE', { threads: 1_000_000 }],
    ['half a thread', 'USAGE', { threads: 0.5 }],
    ['polling above 100 per cent', 'USAGE', { poll: 101 }],
    ['no context', 'USAGE', { context: 0 }],
    ['a negative context', 'USAGE', { context: -5 }],
    ['micro-batches of nothing', 'USAGE', { microBatch: 0 }],
    ['a context for which there is no memory', 'OUT_OF_MEMORY', { context: 16_777_216, cache: { type: 'f32' } }],
  ])('%s', async (_, code, options) => {
    expect(await refusal({ model: text.model, ...options })).toBe(code);
  });

  test('files that are missing, no model, or cut off', async () => {
    expect(await refusal({ model: join(folder, 'absent.gguf') })).toBe('FILE_NOT_FOUND');
    const notes = join(folder, 'notes.txt');
    await writeFile(notes, 'a shopping list');
    expect(await refusal({ model: notes })).toBe('GGUF_INVALID');
    expect(await refusal({ model: vision.model, mmproj: notes })).toBe('GGUF_INVALID');
  });
});

test.each([
  ['language half', null, text.model, /^(llama|general)\./],
  ['language half with scaled positions', null, await changed(text.model, yarn), /^llama\.(rope|attention)\./],
  ['SmolVLM vision half', vision.model, vision.mmproj ?? '', /^clip\./],
  ['MobileVLM vision half', text.model, ldpv2, /^clip\./],
] as const)('any change to a key of the %s loads or is refused with a code', async (_, model, from, keys) => {
  const names: string[] = [];
  await changed(from, ({ metadata }) => {
    names.push(...[...metadata.keys()].filter((key) => keys.test(key)));
  });
  const value = fc.oneof(
    fc.record({ type: fc.constant('u32' as const), value: fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 - 1 })) }),
    fc.record({ type: fc.constant('i32' as const), value: fc.integer() }),
    fc.record({ type: fc.constant('f32' as const), value: fc.float() }),
    fc.record({ type: fc.constant('bool' as const), value: fc.boolean() }),
    fc.record({ type: fc.constant('string' as const), value: fc.string({ maxLength: 5 }) }),
  );
  const changes = fc.array(fc.tuple(fc.constantFrom(...names), value), { minLength: 1, maxLength: 2 });
  await fc.assert(
    fc.asyncProperty(changes, async (list) => {
      const path = await changed(from, (contents) => {
        for (const [key, other] of list) set(key, other)(contents);
      });
      const code = await refusal(model === null ? { model: path } : { model, mmproj: path });
      expect(code).not.toBe('INTERNAL');
    }),
    { numRuns: 150 },
  );
});
