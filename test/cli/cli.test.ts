import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeGguf } from '../../src/formats/gguf/write-gguf.js';
import { type CliResult, runCli, startCli } from './run-cli.js';
import { writeStretchedModel, writeTinyModels } from './tiny-models.js';

/** The machine's other work must not slow down threads that wait for each other. */
const ONE_THREAD = ['--threads', '1'];
const PICTURE = fileURLToPath(new URL('../fixtures/vision/pictures/small.png', import.meta.url));

let home = '';
let model = '';
let mmproj = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cli-'));
  await writeTinyModels(home);
  model = join(home, 'models/vision/tiny-f16.gguf');
  mmproj = join(home, 'models/vision/mmproj-tiny-f16.gguf');
  for (const folder of ['album', 'made']) await mkdir(join(home, folder));
  for (const name of ['b.png', 'a.PNG', 'c.png']) await copyFile(PICTURE, join(home, 'album', name));
  await writeFile(join(home, 'album/notes.txt'), 'not a picture');
  await writeFile(join(home, 'text.png'), 'a text file');
});
afterAll(() => rm(home, { recursive: true }));

const cli = (...args: string[]): Promise<CliResult> => runCli(args, { cwd: home });
const jsonLines = (stdout: string): unknown[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));

/** An error is exactly two lines, on standard error, and nothing on standard output. */
function expectError(result: CliResult, exitCode: number, errorCode: string, message: RegExp): void {
  expect(result.stdout).toBe('');
  expect(result.stderr.split('\n')).toEqual([expect.stringMatching(`^error ${errorCode}: `), expect.stringMatching(/^hint: /), '']);
  expect(result.stderr).toMatch(message);
  expect(result.code).toBe(exitCode);
}

describe('help and version', () => {
  it('go to standard output and name every command', async () => {
    const { code, stdout, stderr } = await cli('--help');
    expect([code, stderr]).toEqual([0, '']);
    for (const command of ['caption', 'vqa', 'generate', 'models', 'data', 'bench'])
      expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
    expect(await cli('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('help for a group that was called without a command goes to standard error', async () => {
    const { code, stdout, stderr } = await cli('models');
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toMatch(/^Usage: edgevlm models/);
  });
});

describe('wrong arguments', () => {
  it.each<[args: string[], message: RegExp]>([
    [['caption'], /missing required argument 'image'/],
    [['captoin', 'a.png'], /unknown command 'captoin'.*Did you mean caption/],
    [['caption', 'a.png', '--jsonn'], /unknown option '--jsonn'/],
    [['caption', 'a.png', '--threads', '0'], /--threads <n>' argument '0'.*from 1 to 512/],
    [['caption', 'a.png', '--max-tokens', 'abc'], /whole number/],
    [['caption', 'a.png', '--temperature', 'NaN'], /a number from 0/],
    [['caption', 'a.png', '--log-level', 'loud'], /unknown log level/],
    [['vqa', 'a.png'], /'--question <text>' not specified/],
    [['vqa', 'a.png', 'b.png', '--question', 'Q'], /too many arguments/],
    [['generate', '--raw', '--prompt', 'P', '--image', 'a.png'], /--raw cannot be combined with --image/],
    [['models', 'convert', 'in', 'out.gguf', '--type', 'q9'], /Allowed choices are/],
    [['data', 'scenes', 'out', '--count', '0'], /whole number from 1/],
  ])('%j', async (args, message) => {
    expectError(await cli(...args), 64, 'USAGE', message);
  });

  it('with --json are told on standard output, too', async () => {
    const { code, stdout, stderr } = await cli('caption', '--json');
    expect(code).toBe(64);
    expect(jsonLines(stdout)).toEqual([
      { error: { code: 'USAGE', message: "missing required argument 'image'", hint: expect.any(String) as string } },
    ]);
    expect(stderr).toMatch(/^error USAGE: /);
  });
});

describe('wrong files', () => {
  const caption = (...args: string[]): Promise<CliResult> => cli('caption', ...args, '--quiet', ...ONE_THREAD);

  it('a picture that does not exist', async () => {
    expectError(await caption('nowhere.png', '--model', 'tiny'), 65, 'FILE_NOT_FOUND', /nowhere\.png/);
  });

  it('a text file as a picture', async () => {
    expectError(await caption('text.png', '--model', 'tiny'), 65, 'IMAGE_UNSUPPORTED', /text\.png/);
    expectError(await cli('vqa', 'text.png', '--question', 'Q', '--model', 'tiny'), 65, 'IMAGE_UNSUPPORTED', /text\.png/);
  });

  it('a folder without pictures', async () => {
    expectError(await caption('models', '--model', 'tiny'), 65, 'FILE_NOT_FOUND', /holds no pictures/);
  });

  it('a model that does not exist: where it was looked for is told', async () => {
    expectError(await caption(PICTURE, '--model', 'nowhere'), 65, 'FILE_NOT_FOUND', /nowhere-f16\.gguf.* in .*models/);
  });

  it('a text file as a model', async () => {
    expectError(await caption(PICTURE, '--model', 'text.png', '--mmproj', mmproj), 66, 'GGUF_INVALID', /text\.png is not a GGUF file/);
  });

  it('a model that was cut off, in its header and in its weights', async () => {
    const bytes = await readFile(model);
    for (const kept of [100, bytes.length - 1000]) {
      await writeFile(join(home, 'cut.gguf'), bytes.subarray(0, kept));
      expectError(await caption(PICTURE, '--model', 'cut.gguf', '--mmproj', mmproj), 66, 'GGUF_TRUNCATED', /cut\.gguf/);
    }
  });

  it('the vision half as the model', async () => {
    expectError(await caption(PICTURE, '--model', mmproj), 66, 'MODEL_UNSUPPORTED', /hint: .*--mmproj and the language half with --model/);
    expectError(
      await caption(PICTURE, '--model', mmproj, '--mmproj', mmproj),
      66,
      'MODEL_UNSUPPORTED',
      /hint: .*language half with --model/,
    );
  });

  it('the language half as the vision half', async () => {
    expectError(await caption(PICTURE, '--model', model, '--mmproj', model), 66, 'MMPROJ_MISMATCH', /"llama" model/);
  });

  it('the vision half of another model', async () => {
    expectError(await caption(PICTURE, '--model', 'plain', '--mmproj', mmproj), 66, 'MMPROJ_MISMATCH', /64 values.*takes 256/);
  });

  it('a model without a vision half, for a picture', async () => {
    expectError(await caption(PICTURE, '--model', 'plain'), 66, 'MMPROJ_MISSING', /plain-f16\.gguf/);
  });

  it('a model of an architecture the engine does not run', async () => {
    await writeGguf(join(home, 'mamba.gguf'), {
      metadata: new Map([['general.architecture', { type: 'string', value: 'mamba' }]]),
      tensors: [{ name: 'token_embd.weight', type: 'f32', shape: [4, 4], data: () => new Uint8Array(64) }],
    });
    expectError(await caption(PICTURE, '--model', 'mamba.gguf', '--mmproj', mmproj), 66, 'MODEL_UNSUPPORTED', /"mamba".*llama/);
  });

  it('a model that needs more memory than there is, before any is taken', async () => {
    await writeStretchedModel(model, join(home, 'deep.gguf'), { layers: 256, context: 16_777_216 });
    const result = await caption(PICTURE, '--model', 'deep.gguf', '--mmproj', mmproj, '--context', '16777216');
    expectError(result, 69, 'OUT_OF_MEMORY', /deep\.gguf needs \d{6,} MB/);
  });

  it('a prompt that the context has no room for', async () => {
    expectError(await caption(PICTURE, '--model', 'tiny', '--context', '8'), 65, 'CONTEXT_FULL', /8/);
  });
});

describe('caption', () => {
  it('of one picture is its text alone; with --json it is one object', async () => {
    const args = ['caption', PICTURE, '--model', 'tiny', '--max-tokens', '4', ...ONE_THREAD];
    const plain = await cli(...args);
    const json = await cli(...args, '--json', '--timings');
    expect([plain.code, plain.stderr, json.code]).toEqual([0, '', 0]);
    const [answer, ...rest] = jsonLines(json.stdout);
    expect(rest).toEqual([]);
    expect(answer).toMatchObject({
      image: PICTURE,
      latency: expect.any(Number) as number,
      tokens: 4,
      finish_reason: 'length',
      model: 'Tiny',
      precision: 'F16',
      warnings: [],
      lossy: [],
    });
    const { caption, latency, timings } = answer as { caption: string; latency: number; timings: Record<string, number> };
    expect(plain.stdout).toBe(`${caption}\n`);
    for (const stage of [
      'prepare_ms',
      'queue_ms',
      'tokenise_ms',
      'encode_ms',
      'prefill_ms',
      'decode_ms',
      'sample_ms',
      'ttft_ms',
      'total_ms',
    ]) {
      expect([stage, timings[stage]]).toEqual([stage, expect.any(Number)]);
    }
    expect(latency).toBeCloseTo(((timings['prepare_ms'] ?? 0) + (timings['total_ms'] ?? 0)) / 1000, 4);
    expect(json.stderr).toMatch(/^ {2}prefill .* tok\/s$/m);
  });

  it('of a folder is a line for each picture in the order of their names, and files of other kinds are passed over', async () => {
    const { code, stdout, stderr } = await cli('caption', 'album', '--model', 'tiny', '--max-tokens', '3', ...ONE_THREAD);
    expect([code, stderr]).toEqual([0, '']);
    const captions = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(': '));
    expect(captions.map(([path]) => path)).toEqual(['a.PNG', 'b.png', 'c.png'].map((name) => join('album', name)));
    // The same pixels and a greedy choice.
    expect(new Set(captions.map(([, caption]) => caption)).size).toBe(1);
  });

  it('goes on after a picture that fails, and the exit code tells of it', async () => {
    const args = ['caption', 'album/b.png', 'text.png', 'nowhere.png', 'album/c.png', '--model', 'tiny', '--max-tokens', '3', '--json'];
    const { code, stdout, stderr } = await cli(...args, ...ONE_THREAD);
    expect(code).toBe(65);
    const lines = jsonLines(stdout) as { image: string; caption?: string; error?: { code: string } }[];
    expect(Object.fromEntries(lines.map(({ image, caption, error }) => [image, error?.code ?? typeof caption]))).toEqual({
      'album/b.png': 'string',
      'text.png': 'IMAGE_UNSUPPORTED',
      'nowhere.png': 'FILE_NOT_FOUND',
      'album/c.png': 'string',
    });
    expect(stderr.match(/^error .*$/gm)).toHaveLength(2);
  });

  it('says which vision half it took beside a model that was given by its path', async () => {
    const { stderr } = await cli('caption', PICTURE, '--model', model, '--max-tokens', '1', ...ONE_THREAD);
    expect(stderr).toBe(`note: vision half: ${mmproj}\n`);
  });

  it('repeats with the same seed', async () => {
    const args = [
      'caption',
      PICTURE,
      '--model',
      'tiny',
      '--max-tokens',
      '8',
      '--temperature',
      '2',
      '--top-k',
      '0',
      '--json',
      ...ONE_THREAD,
    ];
    const texts = await Promise.all(
      ['1', '1', '2'].map(async (seed) => (jsonLines((await cli(...args, '--seed', seed)).stdout)[0] as { caption: string }).caption),
    );
    expect(texts[0]).toBe(texts[1]);
    expect(texts[0]).not.toBe(texts[2]);
  });

  it('ends quietly when nobody reads it any more', async () => {
    const child = startCli(['caption', ...Array.from({ length: 50 }, () => 'album'), '--model', 'tiny', ...ONE_THREAD], { cwd: home });
    child.stdout?.destroy();
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    await once(child, 'close');
    expect([child.exitCode, stderr]).toEqual([0, '']);
  });
});

describe('vqa and generate', () => {
  it('vqa gives the answer, with --json beside the question', async () => {
    const args = ['vqa', PICTURE, '--question', 'What is it?', '--model', 'tiny', '--max-tokens', '4', ...ONE_THREAD];
    const [plain, json] = [await cli(...args), await cli(...args, '--json')];
    expect(plain.code).toBe(0);
    const [answer] = jsonLines(json.stdout);
    expect(answer).toMatchObject({ image: PICTURE, question: 'What is it?', tokens: 4 });
    expect(plain.stdout).toBe(`${(answer as { answer: string }).answer}\n`);
  });

  it('generate puts the prompt through the template, --raw does not, and --image shows a picture', async () => {
    const tokens = async (...args: string[]): Promise<[prompt: number, image: number]> => {
      const { stdout } = await cli('generate', '--prompt', 'hi', '--max-tokens', '1', '--model', 'tiny', '--json', ...ONE_THREAD, ...args);
      const [answer] = jsonLines(stdout) as { prompt_tokens: number; image_tokens: number }[];
      return [answer?.prompt_tokens ?? 0, answer?.image_tokens ?? 0];
    };
    const [[chat], [raw], [shown, imageTokens]] = [await tokens(), await tokens('--raw'), await tokens('--image', PICTURE)];
    expect(chat).toBeGreaterThan(raw);
    expect(imageTokens).toBeGreaterThan(0);
    expect(shown).toBeGreaterThan(chat + imageTokens);
  });
});

describe('Ctrl-C', () => {
  it('prints what there is, ends with 130 and leaves no engine behind', async () => {
    // Far more tokens than this model makes in the time a test has.
    await writeStretchedModel(model, join(home, 'long.gguf'), { layers: 24, context: 65_536 });
    const limits = ['--context', '60000', '--max-tokens', '59000'];
    const args = ['generate', '--raw', '--prompt', 'a', '--model', 'long.gguf', ...limits, '--json', '--log-level', 'info'];
    const child = startCli([...args, ...ONE_THREAD], { cwd: home });
    let [stdout, stderr] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    const loaded = new Promise<number>((resolve, reject) => {
      child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
        stderr += chunk;
        const pid = /model loaded pid=(\d+)/.exec(stderr)?.[1];
        if (pid !== undefined) resolve(Number(pid));
      });
      child.once('close', () => {
        reject(new Error(`ended too early: ${stderr}`));
      });
    });
    const engine = await loaded;
    child.kill('SIGINT');
    await once(child, 'close');
    expect(child.exitCode).toBe(130);
    const [answer, error] = jsonLines(stdout);
    expect(answer).toMatchObject({ prompt: 'a', finish_reason: 'cancelled' });
    expect(error).toMatchObject({ error: { code: 'CANCELLED' } });
    expect(() => process.kill(engine, 0)).toThrow('ESRCH');
  });
});

describe('models', () => {
  it('inspect tells what is in either half', async () => {
    const [language, vision] = [await cli('models', 'inspect', 'tiny', '--json'), await cli('models', 'inspect', mmproj, '--json')];
    expect(jsonLines(language.stdout)[0]).toMatchObject({
      architecture: 'llama',
      precision: 'F16',
      decoder: { contextLength: 1024, vocabularySize: 384, tokenizer: 'gpt2', chatTemplate: true },
      vision: null,
    });
    expect(jsonLines(vision.stdout)[0]).toMatchObject({
      architecture: 'clip',
      decoder: null,
      vision: { family: 'idefics3', projection: 64 },
    });
    const text = await cli('models', 'inspect', 'tiny');
    expect(text.stdout).toMatch(/^architecture +llama$/m);
    expect(text.stdout).toMatch(/^chat template +yes$/m);
  });

  it('convert makes files that answer', async () => {
    const made = await cli(
      'models',
      'convert',
      'tiny',
      'made/new-q8_0.gguf',
      '--mmproj-out',
      'made/mmproj-new.gguf',
      '--type',
      'q8_0',
      '--json',
    );
    expect([made.code, made.stderr]).toEqual([0, '']);
    expect(jsonLines(made.stdout)[0]).toMatchObject({ model: { path: 'made/new-q8_0.gguf' }, mmproj: { path: 'made/mmproj-new.gguf' } });
    const answer = await cli('caption', PICTURE, '--model', 'made/new-q8_0.gguf', '--max-tokens', '2', '--json', ...ONE_THREAD);
    expect(jsonLines(answer.stdout)[0]).toMatchObject({ tokens: 2, precision: 'Q8_0' });
  });
});

describe('data scenes', () => {
  it('draws the same scenes for the same seed', async () => {
    const draw = (out: string, seed: string): Promise<CliResult> =>
      cli('data', 'scenes', out, '--count', '3', '--seed', seed, '--split', 'test', '--json');
    const [first, again, other] = (await Promise.all([draw('s1', '7'), draw('s2', '7'), draw('s3', '8')])).map(
      ({ stdout }) => (jsonLines(stdout)[0] as { truthsSha256: string }).truthsSha256,
    );
    expect(first).toBe(again);
    expect(first).not.toBe(other);
    expect(await readFile(join(home, 's1/images/000002.png'))).toEqual(await readFile(join(home, 's2/images/000002.png')));
  });
});
