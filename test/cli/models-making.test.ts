import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertModel } from '../../src/convert/convert-model.js';
import { readGguf } from '../../src/formats/gguf/read-gguf.js';
import { writeLlavaCheckpoint } from '../convert/support/llava-checkpoint.js';
import { writeTinyCheckpoint } from '../tiny-checkpoint.js';
import { type CliResult, runCli } from './run-cli.js';

const ONE_THREAD = ['--threads', '1'];

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cli-making-'));
  const dir = await writeTinyCheckpoint('tiny-llama-bpe', join(home, 'checkpoint'));
  await convertModel({ dir, out: join(home, 'tiny.gguf'), type: 'f32' });
  await convertModel({ dir, out: join(home, 'quantised.gguf'), type: 'q8_0' });
});
afterAll(() => rm(home, { recursive: true }));

const cli = (...args: string[]): Promise<CliResult> => runCli(args, { cwd: home });
const one = ({ stdout }: CliResult): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

describe('models quantise', () => {
  it('says what became of the file, with --json as one object', async () => {
    const text = await cli('models', 'quantise', 'tiny.gguf', 'a.gguf', '--type', 'q4_k_m', ...ONE_THREAD);
    expect([text.code, text.stderr]).toEqual([0, '']);
    expect(text.stdout).toMatch(/^a\.gguf: q4_k_m, .* became .* tensors: /);
    expect(text.stdout).toMatch(/^ {2}\d+ tensors with rows of 64 do not fit the blocks of q4_K, so they are q5_0: token_embd|blk/m);
    expect(text.stdout).toMatch(/^ {2}\d+ kept as they are: biases, norms/m);
    const json = await cli('models', 'quantise', 'tiny.gguf', 'b.gguf', '--type', 'q8_0', '--json', ...ONE_THREAD);
    expect(one(json)).toMatchObject({
      path: 'b.gguf',
      type: 'q8_0',
      substituted: [],
      tensorsByType: { q8_0: expect.any(Number) as number },
    });
    expect((await readGguf(join(home, 'b.gguf'))).metadata.number('general.file_type')).toBe(7);
  });

  it.each([
    [['tiny.gguf', 'tiny.gguf', '--type', 'q8_0'], 64, /^error USAGE: tiny\.gguf is the file/],
    [['quantised.gguf', 'x.gguf', '--type', 'q4_0'], 66, /^error MODEL_UNSUPPORTED: quantised\.gguf is quantised already/],
    [['tiny.gguf', 'x.gguf'], 64, /--type/],
    [['tiny.gguf', 'x.gguf', '--type', 'q1'], 64, /Allowed choices are f16, q8_0/],
    [['tiny.gguf', 'no/x.gguf', '--type', 'q8_0'], 69, /^error FILE_UNWRITABLE/],
  ] as const)('%j is refused with a code, and leaves nothing behind', async (args, code, message) => {
    const before = await readdir(home);
    const result = await cli('models', 'quantise', ...args);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).toMatch(message);
    expect(await readdir(home)).toEqual(before);
  });
});

describe('models synthesize', () => {
  it('makes both halves of a shape, and a chain that generates itself', async () => {
    const args = ['models', 'synthesize', '--shape', 'tiny', '--type', 'q8_0', '--seed', '3', ...ONE_THREAD];
    const text = await cli(...args, '--planted', '7', '--agree', '0.8', 'planted.gguf');
    expect([text.code, text.stderr]).toEqual([0, '']);
    expect(text.stdout).toMatch(/^planted\.gguf: .* random parameters, tensors: /);
    expect((await readGguf(join(home, 'planted.gguf'))).metadata.number('edgevlm.synthetic.agree')).toBe(0.8);
    const tower = await cli(...args, '--arch', 'clip', 'mmproj-planted.gguf', '--json');
    expect(one(tower)).toMatchObject({ path: 'mmproj-planted.gguf', parameters: expect.any(Number) as number });
    const answer = await cli('generate', '--raw', '--prompt', 'Hi', '--model', 'planted.gguf', '--max-tokens', '4', ...ONE_THREAD);
    expect(answer.stdout.trim()).toMatch(/^w\d+ w\d+ w\d+ w\d+$/);
  });

  it.each([
    [['--shape', 'tiny', '--agree', '0.8', 'x.gguf'], /--agree needs --planted/],
    [['--shape', 'huge', 'x.gguf'], /Allowed choices are tinyllama-1\.1b/],
    [['--shape', 'tiny', '--planted', '1', '--agree', '1.5', 'x.gguf'], /a number from 0 to 1/],
    [['--shape', 'vit-l-14-336', '--arch', 'llama', 'x.gguf'], /has no language half/],
    [['--shape', 'tiny', '--arch', 'clip', '--planted', '1', 'x.gguf'], /cannot be planted/],
  ])('%j is refused', async (args, message) => {
    const result = await cli('models', 'synthesize', ...args);
    expect([result.code, result.stdout]).toEqual([64, '']);
    expect(result.stderr).toMatch(message);
  });
});

describe('models check', () => {
  it('gives a verdict, with --json all it rests on', async () => {
    const text = await cli('models', 'check', 'tiny.gguf', '--steps', '8', ...ONE_THREAD);
    expect([text.code, text.stderr]).toEqual([0, '']);
    expect(text.stdout).toMatch(
      /^tiny\.gguf: the engine and libllama choose the same tokens: 32 of 32 equal, largest difference of a logit/,
    );
    expect(text.stdout.trimEnd().split('\n')).toHaveLength(5);
    const json = one(await cli('models', 'check', 'tiny.gguf', '--steps', '8', '--json', ...ONE_THREAD));
    expect(json).toMatchObject({ model: 'tiny.gguf', verdict: 'equal', steps: 32, equal: 32, pictures: null });
  });

  it('says that pictures were not compared', async () => {
    const dir = await writeTinyCheckpoint('tiny-smolvlm', join(home, 'vision'));
    await convertModel({ dir, out: join(home, 'see.gguf'), mmprojOut: join(home, 'mmproj-see.gguf'), type: 'f16' });
    const { code, stdout } = await cli('models', 'check', 'see.gguf', '--mmproj', 'mmproj-see.gguf', '--steps', '2', ...ONE_THREAD);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}pictures: not checked: .*mtmd/m);
  });

  it('of a damaged file ends with its code', async () => {
    await writeFile(join(home, 'cut.gguf'), (await readFile(join(home, 'tiny.gguf'))).subarray(0, 4000));
    const { code, stderr } = await cli('models', 'check', 'cut.gguf');
    expect(code).toBe(66);
    expect(stderr).toMatch(/^error GGUF_TRUNCATED/);
  });
});

describe('models convert', () => {
  it("takes LLaVA's and MobileVLM's own layouts, and asks for a tower that is only named", async () => {
    await writeLlavaCheckpoint('mobilevlm', join(home, 'mobilevlm'));
    const args = ['models', 'convert', 'mobilevlm', 'mobile.gguf', '--mmproj-out', 'mmproj-mobile.gguf'];
    const named = await cli(...args);
    expect(named.code).toBe(66);
    expect(named.stderr).toMatch(/^error MODEL_INCOMPLETE: .*it names openai\/clip-vit-large-patch14-336\nhint: .*--vision-tower/);
    const whole = await cli(...args, '--vision-tower', 'mobilevlm/clip', '--json');
    expect(whole.code).toBe(0);
    expect(one(whole)).toMatchObject({ model: { path: 'mobile.gguf' }, mmproj: { path: 'mmproj-mobile.gguf' } });
  });

  it('never runs what a PyTorch file asks for', async () => {
    await writeTinyCheckpoint('tiny-llama-bpe', join(home, 'harmful'));
    await rm(join(home, 'harmful/model.safetensors'));
    const bytes = await readFile(new URL('../fixtures/pytorch/harmful.bin', import.meta.url));
    await writeFile(join(home, 'harmful/pytorch_model.bin'), bytes);
    const { code, stderr } = await cli('models', 'convert', 'harmful', 'x.gguf');
    expect(code).toBe(66);
    expect(stderr).toMatch(/^error CHECKPOINT_UNSUPPORTED: .*"posix\.getcwd"/);
  });
});
