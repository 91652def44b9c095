import fc from 'fast-check';
import { Check } from 'typebox/schema';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { EdgeVlmError } from '../../src/core/errors.js';
import type { GenerateRequest, GenerateResult, SamplingOptions } from '../../src/core/generator.js';
import { findModel } from '../../src/catalogue/find-model.js';
import { GrammarConstraint } from '../../src/engine/grammar/grammar-constraint.js';
import { compileJsonSchema } from '../../src/engine/grammar/json-schema/compile-json-schema.js';
import { parseGbnf } from '../../src/engine/grammar/parse-gbnf.js';
import { TokenTrie } from '../../src/engine/grammar/token-trie.js';
import { LibllamaGrammar } from '../../src/engine/libllama/libllama-grammar.js';
import { Vocabulary } from '../../src/engine/vocabulary/vocabulary.js';
import type { PreparedRequest } from '../../src/runtimes/prompt/prepared-request.js';
import { ask, loadShapes, sceneFor, user } from './support/ask.js';
import { randomSchema } from './support/random-schema.js';
import { RandomText } from './support/random-text.js';

const engine = await loadShapes();
const { model } = await findModel({ model: 'shapes' });
const vocabulary = new Vocabulary(model);
const tokens = new TokenTrie(vocabulary);
const { image, questions } = await sceneFor(engine, 3);
afterAll(() => {
  engine[Symbol.dispose]();
  vocabulary[Symbol.dispose]();
});

async function described(options: Partial<PreparedRequest>): Promise<GenerateResult> {
  return ask(engine, [user('Describe the picture.', image)], { maxTokens: 200, ...options });
}
const sampling = (seed: number): SamplingOptions => ({ temperature: 1.5, topK: 0, topP: 1, minP: 0, seed });

describe('an answer under a grammar', () => {
  test('obeys it, ends where it ends, and greedily is what the model likes best of it', async () => {
    const { text, finishReason } = await described({ grammar: { gbnf: 'root ::= "yes" | "no"' } });
    expect(['yes', 'no']).toContain(text);
    expect(finishReason).toBe('stop');
    // What the model says anyway passes unchanged.
    const free = await described({});
    const same = await described({ grammar: { gbnf: 'root ::= [ -~]+' } });
    expect(same.text.trimStart()).toBe(free.text);
  });

  test('keeps white space that the grammar asks for, and characters of several bytes', async () => {
    expect((await described({ grammar: { gbnf: 'root ::= "  é中😀 "' } })).text).toBe('  é中😀 ');
  });

  test('is drawn among the allowed tokens, the same with the same seed', async () => {
    const grammar = { gbnf: 'root ::= ([a-z]{1,6} " "){3} [0-9]{2}' };
    const texts = await Promise.all([1, 2, 3, 1].map(async (seed) => (await described({ grammar, sampling: sampling(seed) })).text));
    for (const text of texts) expect(text).toMatch(/^([a-z]{1,6} ){3}[0-9]{2}$/);
    expect(texts[3]).toBe(texts[0]);
    expect(new Set(texts).size).toBe(3);
  });

  test('never holds control tokens, whose spelling the grammar would allow', async () => {
    const grammar = { gbnf: 'root ::= [^\\n]{60}' };
    for (const seed of [1, 2, 3, 4]) {
      const { text, finishReason } = await described({ grammar, sampling: sampling(seed) });
      expect([Array.from(text).length, finishReason]).toEqual([60, 'stop']);
    }
  });

  test('that is cut off is the beginning of one', async () => {
    const { text, finishReason } = await described({ grammar: { gbnf: 'root ::= "abc"{100}' }, maxTokens: 5 });
    expect(finishReason).toBe('length');
    expect('abc'.repeat(100).startsWith(text)).toBe(true);
    expect((await described({ grammar: { gbnf: 'root ::= "abc"{100}' }, stop: ['ca'] })).text).toBe('ab');
  });

  test('beside others without one leaves them as they are', async () => {
    const schema = { type: 'object', properties: { answer: { type: 'string', maxLength: 10 } }, required: ['answer'] };
    const prompts = questions.slice(0, 2).map((question) => [user(question, image)]);
    const alone = [];
    for (const prompt of prompts) alone.push((await ask(engine, prompt)).text);
    const [json, ...others] = await Promise.all([
      described({ grammar: { jsonSchema: schema } }),
      ...prompts.map((prompt) => ask(engine, prompt)),
    ]);
    expect(Check(schema, JSON.parse(json.text))).toBe(true);
    expect(others.map(({ text }) => text)).toEqual(alone);
  });

  test('that the vocabulary cannot write ends with a code', async () => {
    await expect(described({ grammar: { gbnf: `root ::= "a" <[${vocabulary.eos}]>` } })).rejects.toMatchObject({ code: 'GRAMMAR_STUCK' });
  });

  test.each<[grammar: GenerateRequest['grammar'], code: string]>([
    [{ gbnf: 'root ::= ' + 'x' }, 'GRAMMAR_INVALID'],
    [{ gbnf: 'root ::= root "a" | "b"' }, 'GRAMMAR_INVALID'],
    [{ jsonSchema: { type: 'strin' } }, 'SCHEMA_INVALID'],
    [{ jsonSchema: { not: {} } }, 'SCHEMA_UNSUPPORTED'],
  ])('%j is refused before anything is computed', async (grammar, code) => {
    const decode = vi.spyOn(engine.engine.runner, 'decode');
    await expect(described({ ...(grammar && { grammar }) })).rejects.toMatchObject({ code });
    expect(decode).not.toHaveBeenCalled();
    decode.mockRestore();
  });
});

test('answers under random schemas, sampled freely, are valid JSON under them', async () => {
  let [whole, cut] = [0, 0];
  for (const [seed, schema] of fc.sample(randomSchema, { numRuns: 150, seed: 11 }).entries()) {
    let answer: GenerateResult;
    try {
      answer = await described({ grammar: { jsonSchema: schema }, sampling: sampling(seed) });
    } catch (thrown) {
      expect(['SCHEMA_INVALID', 'SCHEMA_UNSUPPORTED', 'GRAMMAR_LIMIT']).toContain(EdgeVlmError.from(thrown).code);
      continue;
    }
    if (answer.finishReason !== 'stop') {
      cut++;
      continue;
    }
    whole++;
    if (!Check(schema, JSON.parse(answer.text))) throw new Error(`${answer.text} is not valid under ${JSON.stringify(schema)}`);
  }
  expect(whole).toBeGreaterThan(60);
  expect(cut).toBeLessThan(40);
});

describe("libllama's reading of a grammar", () => {
  /** Whether the whole text can be written, byte by byte; both must agree on every byte, and on the whole vocabulary now and then. */
  function takes(gbnf: string, text: string): boolean {
    const constraint = new GrammarConstraint(gbnf, tokens);
    using peer = LibllamaGrammar.create(vocabulary, gbnf);
    const agreed = (token: number): boolean => {
      const allowed = constraint.allows(token);
      expect(peer.allows(token)).toBe(allowed);
      return allowed;
    };
    let at = 0;
    for (const byte of new TextEncoder().encode(text)) {
      const token = byteTokens.get(byte);
      // Within a character libllama lets sequences pass that are no UTF-8.
      if (at++ % 16 === 3 && (byte & 0xc0) !== 0x80) {
        const masks = [constraint, peer].map((one) => {
          const logits = new Float32Array(vocabulary.size);
          one.mask(logits);
          return Array.from(logits.keys()).filter((id) => logits[id] === 0 && !isSpelt(id));
        });
        expect(masks[0]).toEqual(masks[1]);
      }
      if (token === undefined || !agreed(token)) return false;
      constraint.accept(token);
      peer.accept(token);
    }
    return agreed(vocabulary.eos);
  }
  /** libllama takes the spelling of a control token for text. */
  const isSpelt = (token: number): boolean => !vocabulary.isEnd(token) && vocabulary.piece(token).length === 0;
  const byteTokens = new Map<number, number>();
  for (let token = 0; token < vocabulary.size; token++) {
    const piece = vocabulary.piece(token);
    const [byte] = piece;
    if (piece.length === 1 && byte !== undefined && !vocabulary.isControl(token)) byteTokens.set(byte, token);
  }

  test('is ours: it takes what we write of random schemas', () => {
    expect(byteTokens.size).toBe(256);
    let state = 1;
    const random = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
    let taken = 0;
    for (const schema of fc.sample(randomSchema, { numRuns: 300, seed: 12 })) {
      let gbnf: string;
      try {
        gbnf = compileJsonSchema(schema);
      } catch {
        continue;
      }
      const texts = new RandomText(parseGbnf(gbnf), random);
      for (let i = 0; i < 3; i++) {
        const text = texts.next();
        if (text.length > 300) continue;
        taken++;
        if (!takes(gbnf, text)) throw new Error(`${text} is not taken by\n${gbnf}`);
      }
    }
    expect(taken).toBeGreaterThan(300);
  });

  test('is ours in every part of the notation', () => {
    for (const [gbnf, text] of [
      ['root ::= "a-b]\\"" [^a-c\\]] .{2} ("x" | "y" "z")+ "q"?', 'a-b]"d😀éxyz'],
      ['root ::= [\\u00e9-\\u00eb\\-x]{2,} # end\n', 'ê-xé'],
      ['# first\nroot ::= a |\n  b\na ::= "1"\nb ::= "2" a', '21'],
    ] as const) {
      expect(takes(gbnf, text)).toBe(true);
      expect(takes(gbnf, `${text}!`)).toBe(false);
    }
  });
});

describe('a hostile grammar', () => {
  test('costs a coded error, not the process', () => {
    const pieces = [
      'root',
      'a',
      '::=',
      '"',
      '\\',
      'x',
      '4',
      '[',
      ']',
      '^',
      '-',
      '(',
      ')',
      '|',
      '*',
      '+',
      '?',
      '{',
      '}',
      ',',
      '<',
      '>',
      '!',
      '.',
      '\n',
      ' ',
      '#',
      '\0',
      'é',
      '9999',
    ];
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => `root ::= ${parts.join('')}`);
    const rule = fc.constantFrom('"a"', '[b-d]', 'a', 'b', 'root', '("x" a)', '(b | "")', '"y"{2,5}', '.', '[^"]');
    const rules = fc
      .tuple(
        ...['root', 'a', 'b'].map((name) =>
          fc
            .array(fc.tuple(rule, fc.constantFrom('', '', '?', '*', '{0,3}', ' | ')), { maxLength: 5 })
            .map((parts) => `${name} ::= ${parts.map((part) => part.join('')).join(' ')}`),
        ),
      )
      .map((lines) => lines.join('\n'));
    let made = 0;
    fc.assert(
      fc.property(fc.oneof(text, rules), (gbnf) => {
        try {
          const constraint = new GrammarConstraint(gbnf, tokens);
          made++;
          const logits = new Float32Array(engine.engine.shape.vocabulary);
          for (let i = 0; i < 4; i++) {
            if (!constraint.mask(logits.fill(0))) break;
            const token = logits.findLastIndex((logit) => logit === 0);
            if (vocabulary.isEnd(token)) break;
            constraint.accept(token);
          }
        } catch (thrown) {
          expect(['GRAMMAR_INVALID', 'GRAMMAR_LIMIT']).toContain(EdgeVlmError.from(thrown).code);
        }
      }),
      { numRuns: 3000, seed: 20_261_122 },
    );
    expect(made).toBeGreaterThan(200);
  });

  test.each([
    ['the same character in two ways', 'root ::= ("a" | "a" "a" | item)* "b"\nitem ::= "a"+', 'a'.repeat(60)],
    ['a way back that was not seen', 'root ::= "a" root "x" | "a" root "y" | "c"', 'a'.repeat(60)],
    ['white space that anybody may write', 'root ::= (ws ws ws "a"? ws ws)? "b"\nws ::= [ \\n]*', ' '.repeat(60)],
  ])('%s costs no more than it must, or a coded error', (_, gbnf, text) => {
    const constraint = new GrammarConstraint(gbnf, tokens);
    const logits = new Float32Array(vocabulary.size);
    try {
      for (const token of vocabulary.tokenise(text, { addSpecial: false, parseSpecial: false })) {
        constraint.mask(logits.fill(0));
        if (constraint.allows(token)) constraint.accept(token);
      }
      expect(constraint.allows(vocabulary.eos)).toBe(false);
    } catch (thrown) {
      expect(EdgeVlmError.from(thrown).code).toBe('GRAMMAR_LIMIT');
    }
  });

  test('a token that is not allowed is refused instead of ending the process', () => {
    const constraint = new GrammarConstraint('root ::= "yes"', tokens);
    const wrong = vocabulary.tokenise('no', { addSpecial: false, parseSpecial: false })[0] ?? 0;
    for (const token of [wrong, vocabulary.eos, vocabulary.size, -1]) {
      expect(constraint.allows(token)).toBe(false);
      expect(() => {
        constraint.accept(token);
      }).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    }
  });
});
