import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EdgeVlmError } from '../../core/errors.js';
import { parsePlan, PLAN_LIMITS } from './parse-plan.js';

const GOOD = `
name: precisions
scenario: vlm
order: reversed
rounds: 2
timeout_s: 60
settings: { model: shapes, samples: 10 }
matrix:
  runtime: [engine, python]
  quantization: [none, int8, int4]
exclude:
  - { runtime: python, quantization: int4 }
cells:
  - { scenario: ttft, settings: { samples: 3 } }
`;

test('a plan is the combinations of its matrix without the excluded, and its further cells', () => {
  const plan = parsePlan(GOOD, 'plan.yaml');
  expect(plan).toMatchObject({ name: 'precisions', order: 'reversed', rounds: 2, timeout_ms: 60_000 });
  expect(plan.cells.map(({ scenario, settings }) => [scenario, ...Object.values(settings)].join(' '))).toEqual([
    'vlm shapes 10 engine none',
    'vlm shapes 10 engine int8',
    'vlm shapes 10 engine int4',
    'vlm shapes 10 python none',
    'vlm shapes 10 python int8',
    'ttft shapes 3',
  ]);
});

test('settings alone are one cell, beside cells they are what these have in common', () => {
  expect(parsePlan('{name: a, scenario: vlm, settings: {n: 1}}', 'p').cells).toEqual([{ scenario: 'vlm', settings: { n: 1 } }]);
  expect(parsePlan('{name: a, settings: {n: 1}, cells: [{scenario: x}, {scenario: y, settings: {n: 2}}]}', 'p').cells).toEqual([
    { scenario: 'x', settings: { n: 1 } },
    { scenario: 'y', settings: { n: 2 } },
  ]);
});

const problem = (text: string): string => {
  try {
    parsePlan(text, 'plan.yaml');
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'PLAN_INVALID' });
    return EdgeVlmError.from(thrown).message;
  }
  return 'none';
};

test.each([
  ['an unknown key', GOOD.replace('rounds: 2', 'round: 2'), /^plan\.yaml:5: round is not known here/],
  ['a wrong value', GOOD.replace('rounds: 2', 'rounds: two'), /^plan\.yaml:5: rounds /],
  ['a nested wrong value', GOOD.replace('none, int8', 'none, [int8]'), /^plan\.yaml:10: matrix\.quantization\.1 /],
  ['a cell without a scenario', '{name: a, cells: [\n{settings: {}},\n{scenario: x}]}', /^plan\.yaml:2: no scenario/],
  ['broken YAML', 'name: a\nsettings: {\n', /^plan\.yaml:[23]: /],
  ['a key twice', 'name: a\nname: b\n', /^plan\.yaml:2: .*unique/],
  ['no cells', 'name: a', /no scenario/],
  ['nothing', '', /^plan\.yaml/],
])('%s is told with its line', (_, text, expected) => {
  expect(problem(text)).toMatch(expected);
});

test('a plan cannot ask for more than its limits', () => {
  const many = `[${Array.from({ length: 40 }, (_, index) => index).join()}]`;
  expect(problem(`{name: a, scenario: v, matrix: {a: ${many}, b: ${many}}}`)).toMatch(/1000 cells/);
  expect(problem(`{name: a, scenario: v, rounds: 30, matrix: {a: ${many}}}`)).toMatch(/1000 cells/);
  expect(problem(`#${'x'.repeat(PLAN_LIMITS.bytes)}`)).toMatch(/larger/);
  // More combinations than a number can count, before one of them is made.
  const columns = Array.from({ length: 400 }, (_, index) => `a${index}: ${many}`).join(', ');
  expect(problem(`{name: a, scenario: v, matrix: {${columns}}}`)).toMatch(/1000 cells/);
});

test('aliases may be used and may not explode', () => {
  const plan = parsePlan('{name: a, scenario: v, cells: [{settings: &one {n: 1}}, {settings: *one}]}', 'p');
  expect(plan.cells.map(({ settings }) => settings)).toEqual([{ n: 1 }, { n: 1 }]);
  const levels = Array.from(
    { length: 12 },
    (_, level) =>
      `l${level}: &l${level} [${
        level === 0
          ? 'x'
          : Array(9)
              .fill(`*l${level - 1}`)
              .join()
      }]`,
  );
  expect(problem(levels.join('\n'))).toMatch(/alias/i);
});

test('depth is an error, not a crash', () => {
  expect(problem('['.repeat(100_000))).toMatch(/^plan\.yaml/);
  expect(problem(`${'{a: '.repeat(20_000)}1${'}'.repeat(20_000)}`)).toMatch(/^plan\.yaml/);
});

test('whatever the text, the answer is a plan or a coded error', () => {
  const words = fc.constantFrom(
    'name',
    'scenario',
    'matrix',
    ': ',
    '- ',
    '\n',
    '{',
    '}',
    '[',
    ']',
    'a',
    '1',
    '&x ',
    '*x',
    '<<',
    '"',
    '|',
    '? ',
    '!!',
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 30 }), (parts) => {
      problem(parts.join(''));
    }),
    { numRuns: 300 },
  );
});
