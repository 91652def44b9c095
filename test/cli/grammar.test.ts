import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findModel } from '../../src/catalogue/find-model.js';
import { runCli, type CliResult } from './run-cli.js';

const PICTURE = fileURLToPath(new URL('../fixtures/vision/pictures/small.png', import.meta.url));

let home = '';
let model: string[] = [];
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'grammar-'));
  const { model: language, mmproj = '' } = await findModel({ model: 'shapes' });
  model = ['--model', language, '--mmproj', mmproj, '--threads', '1', '--quiet'];
  const schema = {
    type: 'object',
    properties: { seen: { enum: ['yes', 'no'] }, count: { type: 'integer', minimum: 0, maximum: 9 } },
    required: ['seen', 'count'],
  };
  await writeFile(join(home, 'schema.json'), JSON.stringify(schema));
  await writeFile(join(home, 'answer.gbnf'), 'root ::= ("yes" | "no") "."\n');
  await writeFile(join(home, 'broken.json'), '{"type":');
  await writeFile(join(home, 'broken.gbnf'), 'root ::= "yes\n');
});
afterAll(() => rm(home, { recursive: true }));

const cli = (...args: string[]): Promise<CliResult> => runCli([...args, ...model], { cwd: home });

describe('an answer', () => {
  it('obeys the schema of a file', async () => {
    const { code, stdout } = await cli('vqa', PICTURE, '--question', 'What is it?', '--json-schema', 'schema.json');
    expect(code).toBe(0);
    const answer = JSON.parse(stdout) as Record<string, unknown>;
    expect(answer).toEqual({ seen: expect.stringMatching(/^(yes|no)$/) as string, count: expect.any(Number) as number });
  });

  it('obeys the grammar of a file', async () => {
    const { code, stdout } = await cli('caption', PICTURE, '--grammar', 'answer.gbnf');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^(yes|no)\.\n$/)]);
    expect((await cli('generate', '--prompt', 'Well?', '--grammar', 'answer.gbnf')).stdout).toMatch(/^(yes|no)\.\n$/);
  });

  it.each<[args: string[], exitCode: number, message: RegExp]>([
    [['--grammar', 'answer.gbnf', '--json-schema', 'schema.json'], 64, /^error USAGE: --grammar cannot be combined/],
    [['--grammar', 'nowhere.gbnf'], 65, /^error FILE_NOT_FOUND: .*nowhere\.gbnf/],
    [['--grammar', 'broken.gbnf'], 65, /^error GRAMMAR_INVALID: line 2, column 1: unexpected end/],
    [['--json-schema', 'broken.json'], 65, /^error SCHEMA_INVALID: broken\.json is not JSON/],
  ])('is not begun with %j', async (args, exitCode, message) => {
    const { code, stdout, stderr } = await cli('caption', PICTURE, ...args);
    expect([code, stdout]).toEqual([exitCode, '']);
    expect(stderr).toMatch(message);
  });
});
