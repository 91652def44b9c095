import fc from 'fast-check';
import { Check } from 'typebox/schema';
import { describe, expect, test } from 'vitest';
import { randomSchema } from '../../../../test/engine/support/random-schema.js';
import { RandomText } from '../../../../test/engine/support/random-text.js';
import { EdgeVlmError } from '../../../core/errors.js';
import { checkGrammar } from '../check-grammar.js';
import { parseGbnf } from '../parse-gbnf.js';
import { compileJsonSchema } from './compile-json-schema.js';

/** Texts of a schema's grammar, at random. */
function texts(schema: unknown, count: number, seed = 1): string[] {
  const rules = parseGbnf(compileJsonSchema(schema));
  checkGrammar(rules);
  let state = seed >>> 0;
  const random = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  const text = new RandomText(rules, random);
  return Array.from({ length: count }, () => text.next());
}

test('whatever the grammar of a schema writes is valid under the schema', () => {
  const refusals = new Map<string, number>();
  let written = 0;
  fc.assert(
    fc.property(randomSchema, fc.nat(), (schema, seed) => {
      let answers: string[];
      try {
        answers = texts(schema, 8, seed);
      } catch (thrown) {
        const { code } = EdgeVlmError.from(thrown);
        refusals.set(code, (refusals.get(code) ?? 0) + 1);
        expect(['SCHEMA_INVALID', 'SCHEMA_UNSUPPORTED', 'GRAMMAR_LIMIT']).toContain(code);
        return;
      }
      for (const answer of answers) {
        written++;
        if (!Check(schema, JSON.parse(answer))) throw new Error(`${answer} is not valid under ${JSON.stringify(schema)}`);
      }
    }),
    { numRuns: 1000, seed: 20_261_122 },
  );
  // Most schemas must get through, or this shows little.
  const refused = [...refusals.values()].reduce((sum, count) => sum + count, 0);
  expect(refused, JSON.stringify([...refusals])).toBeLessThan(400);
  expect(written).toBeGreaterThan(4500);
});

describe('a schema', () => {
  const finds = (schema: unknown, expected: RegExp): void => {
    for (const text of texts(schema, 50)) expect(text).toMatch(expected);
  };

  test('of an object writes its properties in order, the optional ones or not, and no others', () => {
    const schema = { type: 'object', properties: { a: { const: 1 }, b: { const: 2 }, c: { const: 3 } }, required: ['b'] };
    const written = new Set(texts(schema, 300).map((text) => Object.keys(JSON.parse(text) as object).join('')));
    expect([...written].sort()).toEqual(['ab', 'abc', 'b', 'bc']);
  });

  test('with `additionalProperties` writes others, under keys that are not taken', () => {
    const schema = { properties: { ab: { const: 1 } }, additionalProperties: { const: 'other' } };
    const pairs = texts(schema, 300).flatMap((text) => Object.entries(JSON.parse(text) as object));
    expect(pairs.some(([key]) => key !== 'ab')).toBe(true);
    for (const [key, value] of pairs) expect(value).toBe(key === 'ab' ? 1 : 'other');
  });

  test('of bounded numbers reaches both ends and never steps over them', () => {
    for (const [schema, low, high] of [
      [{ type: 'integer', minimum: -12, maximum: 1203 }, -12, 1203],
      [{ type: 'number', minimum: 0, maximum: 1 }, 0, 1],
      [{ type: 'number', minimum: -2.5, maximum: -0.25 }, -2.5, -0.25],
    ] as const) {
      const values = texts(schema, 3000).map(Number);
      expect([Math.min(...values), Math.max(...values)]).toEqual([low, high]);
    }
    const open = texts({ type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 }, 2000).map(Number);
    expect(Math.min(...open)).toBeGreaterThan(0);
    expect(Math.max(...open)).toBeLessThan(1);
    finds({ type: 'integer', minimum: -9007199254740991, maximum: 9007199254740991 }, /^-?\d{1,15}$/);
  });

  test('with a pattern or a format writes strings of it', () => {
    finds({ type: 'string', pattern: '^[a-c"]+\\d{2}$' }, /^"(?:[a-c]|\\")+\d{2}"$/);
    finds({ type: 'string', format: 'date' }, /^"\d{4}-(0[1-9]|1[0-2])-[0-3]\d"$/);
    finds({ type: 'string', pattern: 'x', minLength: 1 }, /x/);
  });

  test('that refers to itself is followed as deep as it goes', () => {
    const tree = { type: 'object', properties: { left: { $ref: '#' }, right: { $ref: '#' } }, additionalProperties: false };
    expect(Math.max(...texts(tree, 200).map((text) => text.split('{').length))).toBeGreaterThan(4);
    const merged = {
      allOf: [{ $ref: '#/$defs/list' }, { required: ['next'] }],
      $defs: { list: { type: 'object', properties: { next: { $ref: '#/$defs/list' } } } },
    };
    finds(merged, /^\{\s*"next"/);
  });

  test('that merges what `allOf` and `anyOf` say writes what is valid under all of it', () => {
    const schema = {
      type: 'object',
      properties: { kind: { type: 'string' }, size: { type: 'integer', minimum: 0 } },
      required: ['kind'],
      allOf: [{ properties: { size: { maximum: 9 } }, required: ['size'] }],
      oneOf: [{ properties: { kind: { const: 'a' } } }, { properties: { kind: { enum: ['b', 'c'] } } }].map((one) => ({
        ...one,
        required: ['kind'],
      })),
    };
    const kinds = new Set(
      texts(schema, 200).map((text) => {
        expect(Check(schema, JSON.parse(text))).toBe(true);
        return (JSON.parse(text) as { kind: string }).kind;
      }),
    );
    expect([...kinds].sort()).toEqual(['a', 'b', 'c']);
  });

  test.each<[schema: unknown, code: string, message: RegExp]>([
    [{ properties: { a: { not: {} } } }, 'SCHEMA_UNSUPPORTED', /#\/properties\/a\/not/],
    [{ type: 'array', uniqueItems: true }, 'SCHEMA_UNSUPPORTED', /#\/uniqueItems/],
    [{ type: 'string', format: 'email' }, 'SCHEMA_UNSUPPORTED', /#\/format.*date, time/],
    [{ type: 'string', pattern: '(?=a)b' }, 'SCHEMA_UNSUPPORTED', /#\/pattern: look-around/],
    [{ type: 'string', pattern: 'a', maxLength: 5 }, 'SCHEMA_UNSUPPORTED', /other lengths/],
    [{ $ref: 'https://example.com/schema' }, 'SCHEMA_UNSUPPORTED', /#\/\$ref/],
    [{ oneOf: [{ type: 'number' }, { type: 'integer' }] }, 'SCHEMA_UNSUPPORTED', /#\/oneOf: the alternatives 0 and 1/],
    [{ 'a~b/c': 1 }, 'SCHEMA_UNSUPPORTED', /the keyword a~b\/c/],
    [{ $ref: '#/$defs/none' }, 'SCHEMA_INVALID', /nothing at #\/\$defs\/none/],
    [{ $ref: '#' }, 'SCHEMA_INVALID', /itself/],
    [{ anyOf: [{ $ref: '#' }, { type: 'null' }] }, 'GRAMMAR_INVALID', /begins with itself/],
    [{ type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }, 'GRAMMAR_INVALID', /no text ends/],
    [{ type: 'integer', minimum: 2, maximum: 1 }, 'SCHEMA_INVALID', /no number between/],
    [{ minLength: -1 }, 'SCHEMA_INVALID', /#\/minLength/],
    [{ type: 'string', pattern: '(' }, 'SCHEMA_INVALID', /no regular expression/],
    [{ enum: [] }, 'SCHEMA_INVALID', /nothing can be valid/],
    [{ allOf: [{ type: 'string' }, { type: 'null' }] }, 'SCHEMA_INVALID', /two types/],
    ['a schema', 'SCHEMA_INVALID', /must be a schema/],
    [{ items: 5 }, 'SCHEMA_INVALID', /#\/items must be a schema/],
    [{ type: 'array', minItems: 5000 }, 'GRAMMAR_LIMIT', /more than 1000/],
  ])('%j is refused with its place', (schema, code, message) => {
    expect(() => texts(schema, 1)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) as string }));
  });

  test('that is nested or repeated beyond reason costs a coded error', () => {
    let deep: unknown = {};
    for (let i = 0; i < 10_000; i++) deep = { items: deep };
    const wide = { enum: Array.from({ length: 50_000 }, (_, i) => [i]) };
    const doubling = {
      anyOf: [{ $ref: '#/$defs/0' }],
      $defs: Object.fromEntries(
        Array.from({ length: 40 }, (_, i) => [
          i,
          { allOf: [1, 2].map(() => ({ anyOf: [{ $ref: `#/$defs/${i + 1}` }, { minLength: i }] })) },
        ]),
      ),
    };
    Object.assign(doubling.$defs, { 40: { type: 'string' } });
    for (const schema of [deep, wide, doubling]) {
      expect(() => texts(schema, 1)).toThrow(expect.objectContaining({ code: 'GRAMMAR_LIMIT' }));
    }
  });
});
