import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { EdgeVlmError } from '../core/errors.js';
import { CONFIG_KEY_NAMES } from './config-keys.js';
import { CONFIG_MAX_BYTES, parseConfig } from './parse-config.js';

const SEED = `
# Toggle optimizations
optimizations:
  speculative_decoding:
    enabled: true          # on
    draft_tokens: 4

  kv_cache_compression:
    gear_enabled: true
    pyramid_enabled: true

  early_exit:
    enabled: true
    confidence_threshold: 0.9
    exit_layers: [8, 12, 16, 20]

inference:
  num_threads: 4
  temperature: 0.7
  top_p: 0.9
max_cache_size_mb: 512
`;

test("the seed document's config is read, key by key, with places", () => {
  const { values, problems } = parseConfig(SEED, 'config.yaml');
  expect(problems).toEqual([]);
  expect(Object.fromEntries([...values].map(([key, { value }]) => [key, value]))).toEqual({
    'optimizations.speculative_decoding.enabled': true,
    'optimizations.speculative_decoding.draft_tokens': 4,
    'optimizations.kv_cache_compression.gear_enabled': true,
    'optimizations.kv_cache_compression.pyramid_enabled': true,
    'optimizations.early_exit.enabled': true,
    'optimizations.early_exit.confidence_threshold': 0.9,
    'optimizations.early_exit.exit_layers': [8, 12, 16, 20],
    'inference.num_threads': 4,
    'inference.temperature': 0.7,
    'inference.top_p': 0.9,
    max_cache_size_mb: 512,
  });
  expect(values.get('inference.num_threads')).toMatchObject({ line: 18, column: 16 });
});

test('what a server takes, as it may be written', () => {
  const hosts = ['example.com', '*.example.com', 'example.com:8443', '127.0.0.1', '[::1]:8443', 'bücher.example'];
  const { values, problems: none } = parseConfig(
    `server: {memory_budget: 6000000000, fetch_from: ${JSON.stringify(hosts)}, models_dirs: [/srv], pause_above_celsius: 70.5}`,
    'c',
  );
  expect(none).toEqual([]);
  expect(Object.fromEntries([...values].map(([key, { value }]) => [key, value]))).toEqual({
    'server.memory_budget': '6000000000',
    'server.fetch_from': hosts,
    'server.models_dirs': ['/srv'],
    'server.pause_above_celsius': 70.5,
  });
  for (const budget of ['auto', '512M', '2GiB', '999T', '1'])
    expect(parseConfig(`server: {memory_budget: ${budget}}`, 'c').problems).toEqual([]);
});

/** Problems as they are printed; what is thrown too. */
const problems = (text: string): string[] => {
  try {
    return parseConfig(text, 'c').problems.map(({ line, column, key, message }) => `${line}:${column}: ${key} ${message}`);
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'CONFIG_INVALID' });
    return [EdgeVlmError.from(thrown).message];
  }
};

describe('what is wrong', () => {
  it.each([
    ['inference:\n  num_thread: 4', '2:3: inference.num_thread is not known; did you mean num_threads?'],
    ['num_threads: 4', '1:1: num_threads is not known; did you mean inference.num_threads?'],
    ['a: 1\n', expect.stringMatching(/^1:1: a is not known; here may be model, optimizations, inference, max_cache_size_mb, /)],
    ['{inference.top_p: 1}', expect.stringMatching(/^1:2: inference\.top_p is not known/)],
    ['__proto__: {a: 1}', expect.stringMatching(/^1:1: __proto__ is not known/)],
    ['inference:\n  top_p: 2', '2:10: inference.top_p must be <= 1 (is 2)'],
    ['inference:\n  top_p: 1e999', '2:10: inference.top_p must be number (is Infinity)'],
    ['inference:\n  seed: 99999999999999999999', expect.stringMatching(/^2:9: inference\.seed must be/)],
    ['inference:\n  num_threads: "4"', '2:16: inference.num_threads must be integer (is "4")'],
    ['inference:\n  top_p:', expect.stringMatching(/inference\.top_p has no value$/)],
    ['inference: 4', '1:12: inference must hold keys and their values, one in each line below it'],
    ['- 1', '1:1:  must hold keys and their values'],
    ['optimizations: {early_exit: {enabled: yes}}', '1:39: optimizations.early_exit.enabled must be boolean (is "yes")'],
    ['optimizations: {early_exit: {exit_layers: [4, x]}}', '1:47: optimizations.early_exit.exit_layers.1 must be integer (is "x")'],
    ['optimizations: {early_exit: {exit_layers: []}}', expect.stringContaining('must not have fewer than 1 items')],
    ['logging: {level: loud}', '1:18: logging.level must be one of debug, info, warn, warning, error (is "loud")'],
    ['server:\n  memory_budget: much', '2:18: server.memory_budget must be auto, or bytes such as 6000000000, 512M or 6G (is "much")'],
    ['server:\n  memory_budget: -1', expect.stringMatching(/^2:18: server\.memory_budget must be auto/)],
    [
      'server:\n  fetch_from:\n    - example.com\n    - https://example.com/',
      expect.stringMatching(/^4:7: server\.fetch_from\.1 must be a host: example\.com, /),
    ],
    ['server: {rate_limit: 0}', '1:22: server.rate_limit must be >= 1 (is 0)'],
    ['server: {preload: 1}', '1:19: server.preload must be boolean (is 1)'],
    ['cameras: [{name: a, source_type: usb, devise_id: 1}]', '1:50: cameras.0.devise_id is not known; did you mean device_id?'],
    [
      'max_cache_size_mb: 1\noptimizations: {kv_cache_compression: {max_cache_size_mb: 2}}',
      '2:59: optimizations.kv_cache_compression.max_cache_size_mb says something else than max_cache_size_mb in line 1',
    ],
    ['inference:\n  seed: 1\n  seed: 2', expect.stringMatching(/^c:3:3: .*unique/)],
    ['inference: {', expect.stringMatching(/^c:1:\d+: /)],
    ['a: 1\n---\nb: 2', expect.stringMatching(/^c:\d+:\d+: .*multiple documents/)],
    [`#${'x'.repeat(CONFIG_MAX_BYTES)}`, expect.stringContaining('larger than')],
  ])('%j is told', (text, expected) => {
    expect(problems(text)).toEqual([expected]);
  });

  it('is told all at once, in the order of the text', () => {
    expect(problems('inference:\n  top_p: 2\n  b: 1\nserver: {port: -1}').map((line) => line.slice(0, 4))).toEqual([
      '2:10',
      '3:3:',
      '4:16',
    ]);
  });

  it('does not hide what is right', () => {
    const { values } = parseConfig('inference: {top_p: 2, seed: 7}', 'c');
    expect([...values.keys()]).toEqual(['inference.seed']);
  });
});

test.each(['', '# nothing', 'optimizations:', 'optimizations:\n  early_exit:\n  # enabled: true', 'null'])('%j gives nothing', (text) => {
  const { values, problems: found } = parseConfig(text, 'c');
  expect([values.size, found]).toEqual([0, []]);
});

test('names are taken in any case, as they are spelled here', () => {
  expect(parseConfig('logging: {level: INFO}', 'c').values.get('logging.level')?.value).toBe('info');
});

describe('hostile texts', () => {
  it('aliases may be used and may not explode', () => {
    const { values } = parseConfig('inference: {top_p: &p 0.5, min_p: *p}', 'c');
    expect([...values.values()].map(({ value }) => value)).toEqual([0.5, 0.5]);
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
    expect(problems(levels.join('\n'))).toEqual([expect.stringMatching(/alias/i)]);
    // What holds itself.
    expect(problems('cameras: &c [*c]').length).toBeGreaterThan(0);
    expect(problems('optimizations: &o {optimizations: *o}').length).toBeGreaterThan(0);
    expect(problems('cameras: [&c {name: *c}]').length).toBeGreaterThan(0);
  });

  it('depth is an error, not a crash', () => {
    expect(problems('['.repeat(30_000)).length).toBe(1);
    expect(problems(`${'{a: '.repeat(10_000)}1${'}'.repeat(10_000)}`).length).toBe(1);
  });

  it('a long key is not shown whole', () => {
    expect(problems(`${'k'.repeat(10_000)}: 1`)[0]?.length).toBeLessThan(300);
  });

  it('whatever the text, there are values, problems or a coded error', () => {
    const words = fc.constantFrom(
      ...CONFIG_KEY_NAMES.flatMap((key) => key.split('.')),
      ...': |- |\n|\n  |{|}|[|]|,|1|1e400|-0x1|&x |*x|<<: |"|!!binary |!!set |? |\t|\0|é'.split('|'),
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 30 }), (parts) => {
        problems(parts.join(''));
      }),
      { numRuns: 500 },
    );
  });
});
