import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { parseRunRecord } from '../../src/core/run-record.js';
import { runCli, type CliResult } from '../cli/run-cli.js';
import { writeTinyModels } from '../cli/tiny-models.js';
import { FakeCompletions } from './support/fake-completions.js';
import { RealServer } from './support/real-server.js';

const Seconds = Type.Union([Type.Number(), Type.Null()]);
const Result = Type.Object({
  run: Type.String(),
  csv: Type.String({ pattern: '^benchmark_results_\\d{8}_\\d{6}\\.csv$' }),
  rows: Type.Array(
    Type.Object({
      promptType: Type.String(),
      runner: Type.String(),
      attempts: Type.Integer(),
      successes: Type.Integer(),
      avg_ttft: Seconds,
      cold: Type.Integer(),
      warm: Type.Integer(),
      unlabelled: Type.Integer(),
    }),
  ),
  ratios: Type.Array(Type.Object({ promptType: Type.String(), ratio: Type.Number(), prompts: Type.Integer() })),
  verdicts: Type.Array(Type.Object({ name: Type.String(), outcome: Type.String(), detail: Type.String() })),
});

let home = '';
let server: FakeCompletions;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'ttft-'));
  await writeTinyModels(home);
});
afterAll(() => rm(home, { recursive: true }));
beforeEach(async () => {
  server = await FakeCompletions.start();
});
afterEach(() => server.close());

/** The tiny model as the baseline, three short prompts, and one long one with a blank line before it. */
async function compare(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  await writeFile(join(home, 'short.txt'), 'to be or not\n\nto be and then\n =1+1, "quoted"\n');
  await writeFile(join(home, 'long.txt'), `\n${'many words and '.repeat(20)}\n`);
  const base = ['--baseline-model', 'plain', '--threads', '1', '--short-prompts', 'short.txt', '--long-prompts', 'long.txt'];
  return runCli(['bench', 'ttft', ...base, ...(args.includes('--api-base-url') ? [] : ['--api-base-url', server.url]), ...args], {
    cwd: home,
    env,
  });
}
const lastLine = (stdout: string): string => stdout.trimEnd().split('\n').at(-1) ?? '';
const resultOf = (stdout: string): Static<typeof Result> => Value.Parse(Result, JSON.parse(lastLine(stdout)));
const outcomeOf = (result: Static<typeof Result>, name: string): string | undefined =>
  result.verdicts.find((verdict) => verdict.name === name)?.outcome;

describe('bench ttft', () => {
  it('shows each prompt as it goes, then the table, and keeps every answer in a CSV file and a run', async () => {
    const { code, stdout, stderr } = await compare(['--max-new-tokens', '4']);
    expect(code, stderr).toBe(0);
    const lines = stdout.split('\n');
    expect(lines.slice(0, 5)).toEqual([
      'Starting VLM Performance Benchmark...',
      'Baseline Model: plain',
      `Llama.cpp API URL: ${server.url}`,
      'Max new tokens for TTFT: 4',
      '------------------------------',
    ]);
    expect(stdout).toMatch(
      /\n\nLoading short prompts from: short\.txt\n\n--- Testing short prompt 1\/3 ---\nRunning Baseline \(plain\)\.\.\.\nBaseline TTFT: \d+\.\d{4}s\nRunning Llama\.cpp \(API: http:\S+\)\.\.\.\nLlama\.cpp TTFT: \d+\.\d{4}s\n\n--- Testing short prompt 2/,
    );
    expect(stdout).toContain('--- Testing long prompt 1/1 ---');
    expect(stdout).toMatch(/\n {20,}Benchmark Summary Report\n=+\nPrompt Type \| Runner {4}\| Avg TTFT \(s\) \| Success Rate \| /);
    expect(stdout).toMatch(/\nShort {7}\| Baseline {2}\| \d\.\d{4} {7}\| 3\/3 {10}\| /);
    expect(stdout).toMatch(/\nLong {8}\| Llama\.cpp \| \d\.\d{4} {7}\| 1\/1 {10}\| /);
    expect(server.requests.every(({ temperature, max_tokens }) => temperature === 0 && max_tokens === 4)).toBe(true);
    // An alias of None leaves the model out.
    expect(server.requests.every((request) => !('model' in request))).toBe(true);

    const [csv = ''] = (await readdir(home)).filter((name) => name.startsWith('benchmark_results_'));
    const rows = (await readFile(join(home, csv), 'utf8')).split('\r\n');
    expect(rows[0]).toBe('prompt_type,prompt_idx,prompt_text,runner,output_preview,ttft');
    expect(rows).toHaveLength(1 + 8 + 1);
    expect(rows[2]).toMatch(/^short,0,to be or not,llamacpp, Ein süßer Apfel fällt,\d\.\d{6}$/);
    expect(rows[6]).toMatch(/^short,2,"'=1\+1, ""quoted""",llamacpp,/);
    expect(rows[7]).toMatch(/^long,0,many words and .*,baseline,/);
    await rm(join(home, csv));
  });

  it('reconciles with the timings of the server, and finds what was cold', async () => {
    const { code, stdout, stderr } = await compare(['--json', '--repetitions', '2', '--max-new-tokens', '4']);
    expect(code, stderr).toBe(0);
    const result = resultOf(stdout);
    expect(result.rows.map(({ runner, successes, attempts, cold, warm }) => [runner, successes, attempts, cold, warm])).toEqual([
      ['baseline', 6, 6, 6, 0],
      ['llamacpp', 6, 6, 6, 0],
      ['baseline', 2, 2, 2, 0],
      ['llamacpp', 2, 2, 2, 0],
    ]);
    for (const name of ['timings:llamacpp', 'cold:llamacpp', 'cold:baseline', 'streaming:llamacpp']) {
      expect([name, outcomeOf(result, name)]).toEqual([name, 'pass']);
    }
    expect(server.requests.every(({ cache_prompt }) => cache_prompt === false)).toBe(true);

    const record = parseRunRecord(await readFile(join(home, 'runs', `${result.run}.json`), 'utf8'), result.run);
    expect(record).toMatchObject({
      command: 'bench ttft',
      dataset: { name: 'prompts', items: 4 },
      settings: { requested: { BASELINE_MODEL_NAME: 'plain', LLAMACPP_MODEL_ALIAS: null }, effective: { baseline_runtime: 'engine' } },
      models: { model: { name: 'plain-f16.gguf' } },
    });
    expect(record.summary['llamacpp/short/ttft_ms']?.n).toBe(6);
    expect(record.summary['llamacpp/short/ttft_relative']?.n).toBe(6);
    expect(record.summary['llamacpp/short/network_and_queue_ms']?.min).toBeGreaterThan(0);
    expect(record.summary['llamacpp/short/ttft_ms']?.min).toBeGreaterThan(server.prompt_ms - 1);
    // Whoever reads a record is not told what was asked, what was answered, or where files lie.
    expect(JSON.stringify(record)).not.toMatch(/to be or|süßer|\/models\//);
  });

  it('lets caches help where that is asked for, and tells warm answers', async () => {
    const { stdout } = await compare(['--json', '--reuse']);
    const [, server0] = resultOf(stdout).rows;
    // `to be and then` begins as the prompt before it does.
    expect(server0).toMatchObject({ runner: 'llamacpp', cold: 2, warm: 1 });
  });

  it('times the first text, not the first event', async () => {
    Object.assign(server, { prompt_ms: 100, emptyEvents: 2 });
    const { stdout } = await compare(['--json', '--warmup', '0']);
    const result = resultOf(stdout);
    // 100 ms for the prompt, and 100 more before there is text.
    expect(result.rows[1]?.avg_ttft).toBeGreaterThan(0.199);
  });

  it('finds a server whose clock or cache cannot be trusted', async () => {
    Object.assign(server, { exaggeration_ms: 1000, isStubborn: true });
    const wrong = resultOf((await compare(['--json'])).stdout);
    expect([outcomeOf(wrong, 'timings:llamacpp'), outcomeOf(wrong, 'cold:llamacpp')]).toEqual(['fail', 'fail']);
    server.exaggeration_ms = undefined;
    const silent = resultOf((await compare(['--json'])).stdout);
    expect([outcomeOf(silent, 'timings:llamacpp'), outcomeOf(silent, 'cold:llamacpp')]).toEqual(['inconclusive', 'inconclusive']);
    expect(silent.rows[1]).toMatchObject({ cold: 0, warm: 0, unlabelled: 3 });
  });

  it('keeps a failed answer as a row and goes on', async () => {
    server.breaksOn = /and then/;
    const { code, stdout } = await compare(['--json']);
    expect(code).not.toBe(0);
    const result = resultOf(stdout);
    expect(result.rows.map(({ successes }) => successes)).toEqual([3, 2, 1, 1]);
    expect(result.ratios.map(({ prompts }) => prompts)).toEqual([2, 1]);
    expect(await readFile(join(home, result.csv), 'utf8')).toContain('short,1,to be and then,llamacpp,ERROR,-1.0\r\n');
  });

  it('is configured by a file of the environment names, over which the environment and options win', async () => {
    server.model = 'served.gguf';
    await writeFile(
      join(home, 'config.py'),
      [
        '# settings',
        'BASELINE_MODEL_NAME = "plain"',
        'LLAMACPP_API_BASE_URL = "http://127.0.0.1:9"',
        'LLAMACPP_MODEL_ALIAS = "served.gguf"',
        'SHORT_PROMPTS_FILE = "long.txt"  # swapped',
        'LONG_PROMPTS_FILE = "short.txt"',
        'MAX_NEW_TOKENS_FOR_TTFT = 2',
      ].join('\n'),
    );
    const { code, stdout, stderr } = await runCli(
      ['bench', 'ttft', '--config', 'config.py', '--threads', '1', '--long-prompts', 'long.txt', '--json'],
      { cwd: home, env: { LLAMACPP_API_BASE_URL: `${server.url}/v1/` } },
    );
    expect(code, stderr).toBe(0);
    expect(resultOf(stdout).rows.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1]);
    expect(server.requests.every(({ model, max_tokens }) => model === 'served.gguf' && max_tokens === 2)).toBe(true);
  });

  it('has prompts of its own', async () => {
    const { code, stdout, stderr } = await runCli(
      ['bench', 'ttft', '--baseline-model', 'none', '--baseline-runtime', 'null', '--api-base-url', server.url, '--json'],
      { cwd: home },
    );
    expect(code, stderr).toBe(0);
    expect(resultOf(stdout).rows.map(({ successes }) => successes)).toEqual([10, 10, 6, 6]);
  });

  it.each([
    ['a configuration with an unknown key', ['--config', 'bad.env'], /bad\.env:1: there is no setting called LLAMA_URL/],
    ['an address that is none', ['--api-base-url', 'localhost'], /--api-base-url is "localhost": expected the address of a server/],
    ['a number of tokens that is none', ['--max-new-tokens', 'ten'], /--max-new-tokens is ten: expected a whole number/],
    ['a server as its own baseline', ['--baseline-runtime', 'openai-http'], /baseline cannot be a server/],
  ])('refuses %s', async (_, args, message) => {
    await writeFile(join(home, 'bad.env'), 'LLAMA_URL=http://localhost\n');
    const { code, stdout, stderr } = await compare(args);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toMatch(message);
  });
});

describe('trouble with the server', () => {
  /** What stderr says of the one runner that failed; the baseline goes on. */
  const troubleOf = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> => {
    const { code, stdout, stderr } = await compare(['--json', '--warmup', '0', ...args], env);
    expect(code).not.toBe(0);
    const result = resultOf(stdout);
    expect(result.rows.map(({ successes, attempts }) => `${successes}/${attempts}`)).toEqual(['3/3', '0/3', '1/1', '0/1']);
    expect((await readFile(join(home, result.csv), 'utf8')).match(/,llamacpp,ERROR,-1\.0\r\n/g)).toHaveLength(4);
    // Once, not for each prompt.
    expect(stderr.match(/^error /gm)).toHaveLength(1);
    return stderr;
  };

  it('a port on which nobody listens', async () => {
    const { url } = server;
    await server.close();
    const trouble = await troubleOf(['--api-base-url', url]);
    expect(trouble).toMatch(/refused|ECONNREFUSED/i);
    expect(trouble).toMatch(/^hint: .*(running|start|port)/im);
    server = await FakeCompletions.start();
  });

  it('a name that does not exist', async () => {
    expect(await troubleOf(['--api-base-url', 'http://no-such-host.invalid:8000'])).toMatch(/no-such-host\.invalid/);
  });

  it('an answer that does not come in time', async () => {
    server.prompt_ms = 60_000;
    expect(await troubleOf(['--timeout', '1'])).toMatch(/not finished after 1 s/);
  });

  it('a path that is not there', async () => {
    const trouble = await troubleOf(['--api-base-url', `${server.url}/elsewhere`]);
    expect(trouble).toMatch(/404/);
    expect(trouble).toMatch(/^hint: .*(address|URL|path|\/v1)/im);
  });

  it('a key that is missing or wrong', async () => {
    server.key = 'right';
    const trouble = await troubleOf([]);
    expect(trouble).toMatch(/401/);
    expect(trouble).toMatch(/^hint: .*key/im);
  });

  it('a model that the server does not have', async () => {
    server.model = 'served.gguf';
    const trouble = await troubleOf(['--model-alias', 'other.gguf']);
    expect(trouble).toMatch(/other\.gguf/);
    expect(trouble).toMatch(/^hint: .*(alias|model)/im);
  });

  it('something that is no such API', async () => {
    const page = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome</html>'));
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
    const trouble = await troubleOf(['--api-base-url', `http://127.0.0.1:${(page.address() as AddressInfo).port}`]);
    expect(trouble).toMatch(/^hint: .*(address|URL|API)/im);
    page.close();
  });
});

/** Path of llama.cpp's server, where there is one. */
const LLAMA_SERVER = process.env['EDGEVLM_TEST_LLAMA_SERVER'];

describe.skipIf(LLAMA_SERVER === undefined)('against a real llama-server with the weights of the baseline', () => {
  const model = fileURLToPath(new URL('../../models/shapes/shapes-f16.gguf', import.meta.url));
  let real: RealServer;
  beforeAll(async () => {
    real = await RealServer.start(LLAMA_SERVER ?? '', model);
  });
  afterAll(() => real.close());

  it('sees the same tokens, gets the same answers, and believes its clock', async () => {
    const turn = (question: string): string => `User: ${question}<end_of_utterance> Assistant:`;
    const earlier = `${turn('Describe the picture.')} a small red circle.<end_of_utterance> `;
    const questions = ['Describe the picture.', 'What color is the circle?', 'How many objects are there?', 'Is there a red square?'];
    // What the model does not answer at all has no first token.
    const answered = async (prompts: readonly string[]): Promise<string> => {
      const texts = await Promise.all(prompts.map((prompt) => real.complete(prompt)));
      return prompts.filter((_, index) => texts[index] !== '').join('\n');
    };
    await writeFile(join(home, 'chats.txt'), await answered(questions.map(turn)));
    await writeFile(join(home, 'long-chats.txt'), await answered(questions.map((question) => earlier.repeat(10) + turn(question))));
    const files = ['--short-prompts', 'chats.txt', '--long-prompts', 'long-chats.txt'];
    const base = ['--baseline-model', model, '--threads', '1', '--api-base-url', real.url, '--repetitions', '3', '--max-new-tokens', '6'];
    const { code, stdout, stderr } = await runCli(['bench', 'ttft', ...base, ...files, '--json'], { cwd: home });
    expect(code, stderr).toBe(0);
    const result = resultOf(stdout);
    expect(result.rows).toHaveLength(4);
    for (const { attempts, successes, cold } of result.rows) expect([successes, cold]).toEqual([attempts, attempts]);
    for (const name of ['timings:llamacpp', 'cold:baseline', 'cold:llamacpp', 'parity:prompt_tokens', 'parity:text']) {
      expect([name, outcomeOf(result, name)]).toEqual([name, 'pass']);
    }
    // The server's cache is used when it is allowed to.
    const reused = await runCli(['bench', 'ttft', ...base, ...files, '--json', '--reuse'], { cwd: home });
    expect(
      resultOf(reused.stdout).rows.find(({ runner, promptType }) => runner === 'llamacpp' && promptType === 'long')?.warm,
    ).toBeGreaterThan(0);
  });
});
