import { afterEach, beforeEach, expect, it } from 'vitest';

import { checkCellSettings } from '../../src/bench/plans/cell-runner.js';
import { ttftCell } from '../../src/cli/cells/ttft-cell.js';
import { NO_PROGRESS } from '../../src/core/progress.js';
import { FakeCompletions } from './support/fake-completions.js';

let server: FakeCompletions;
beforeEach(async () => {
  server = await FakeCompletions.start();
});
afterEach(() => server.close());

const settings = () => ({ baseline_model: 'none', baseline_runtime: 'null', api_base_url: server.url, max_new_tokens: 2, warmup: 0 });
const context = { signal: new AbortController().signal, onProgress: NO_PROGRESS };

it('is known by the prompts it puts', async () => {
  const files = await ttftCell.identify(settings(), context.signal);
  expect(Object.keys(files)).toEqual(['short_prompts', 'long_prompts']);
  expect(Object.values(files).every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
});

it('measures what its settings say', async () => {
  const { command, scores, settings: recorded } = await ttftCell.run({ ...settings(), model_alias: null, repetitions: 2 }, context);
  expect(command).toBe('bench ttft');
  expect(recorded.effective).toMatchObject({ baseline_runtime: 'null', MAX_NEW_TOKENS_FOR_TTFT: 2, repetitions: 2 });
  expect(scores?.find(({ name }) => name === 'llamacpp.short.success_rate')).toMatchObject({ value: 1, n: 20 });
  expect(server.requests).toHaveLength(32);
});

it('fails with the reason when a runner gives no answer at all, and not for single ones', async () => {
  server.breaksOn = /capital/;
  const { scores } = await ttftCell.run(settings(), context);
  expect(scores?.find(({ name }) => name === 'llamacpp.short.success_rate')?.value).toBe(0.9);
  const away = settings();
  await server.close();
  await expect(ttftCell.run(away, context)).rejects.toMatchObject({ code: 'SERVER_AWAY' });
  server = await FakeCompletions.start();
});

it('takes the names of the options and no others', () => {
  checkCellSettings(ttftCell, 'ttft', settings());
  expect(() => {
    checkCellSettings(ttftCell, 'ttft', { ...settings(), url: 'http://localhost' });
  }).toThrow(/ttft has no setting url/);
});
