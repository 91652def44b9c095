import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { quantise, type QuantisedType } from '../../src/engine/libllama/quantise.js';
import { runCli } from '../cli/run-cli.js';

/** Scenes of the test split, which no training has seen. The proof is on 1,000: EDGEVLM_TEST_SCENES=1000; by default a share of them. */
const COUNT = Number(process.env['EDGEVLM_TEST_SCENES'] ?? 60);
/** What a share may fall short by chance: two standard errors of its object F1, some 150 objects. */
const SLACK = COUNT < 1000 ? 0.04 : 0;
/** A kind of question that comes a few times in a share is not judged by it. */
const FEWEST_SCENES_BY_KIND = 500;
// A second a scene is more than any machine needs.
vi.setConfig({ testTimeout: 60_000 + 1000 * COUNT, hookTimeout: 60_000 + 1000 * COUNT });
const SHAPES = fileURLToPath(new URL('../../models/shapes/', import.meta.url));
const F16 = join(SHAPES, 'shapes-f16.gguf');
const MMPROJ = join(SHAPES, 'mmproj-shapes-f16.gguf');

const Share = Type.Number({ minimum: 0, maximum: 1 });
const Result = Type.Object({
  caption: Type.Object({ object_f1: Share, exact: Share }),
  vqa: Type.Object({ accuracy: Share, by_kind: Type.Record(Type.String(), Share) }),
  chance: Type.Object({ caption: Type.Object({ object_f1: Share }), vqa: Type.Object({ accuracy: Share }) }),
});
type Result = Static<typeof Result>;

let folder = '';
let f16: Result;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shapes-scenes-'));
  f16 = await evaluate(F16);
});
afterAll(() => rm(folder, { recursive: true }));

async function evaluate(model: string, ...options: string[]): Promise<Result> {
  const settings = ['--threads', '1', '--count', String(COUNT), '--seed', '20261122', '--json'];
  const { code, stdout, stderr } = await runCli(['eval', 'scenes', '--model', model, '--mmproj', MMPROJ, ...settings, ...options], {
    cwd: folder,
  });
  expect(code, stderr).toBe(0);
  return Value.Parse(Result, JSON.parse(stdout));
}

it(`the model in the box finds the objects of ${COUNT} unseen scenes and answers questions of every kind about them`, () => {
  expect(f16.caption.object_f1).toBeGreaterThanOrEqual(0.95 - SLACK);
  expect(f16.vqa.accuracy).toBeGreaterThanOrEqual(0.9 - SLACK);
  expect(Object.keys(f16.vqa.by_kind).sort()).toEqual(['colour', 'count', 'digit', 'exists', 'position', 'relation', 'shape', 'size']);
  if (COUNT < FEWEST_SCENES_BY_KIND) return;
  for (const [kind, share] of Object.entries(f16.vqa.by_kind)) expect(share, kind).toBeGreaterThanOrEqual(0.8);
});

it('it looks: on its neighbours’ pictures it falls to chance', async () => {
  const { caption, vqa, chance } = await evaluate(F16, '--shuffle-pictures');
  expect(caption.object_f1).toBeLessThanOrEqual(chance.caption.object_f1 + 0.03 + SLACK);
  expect(vqa.accuracy).toBeLessThanOrEqual(chance.vqa.accuracy + 0.03 + SLACK);
});

it('it has learnt the shapes, not our way to draw them: with another renderer it loses ten points at most', async () => {
  const { caption, vqa } = await evaluate(F16, '--renderer', 'svg');
  expect(caption.object_f1).toBeGreaterThanOrEqual(f16.caption.object_f1 - 0.1 - SLACK);
  expect(vqa.accuracy).toBeGreaterThanOrEqual(f16.vqa.accuracy - 0.1 - SLACK);
});

it.each([
  ['q8_0', 0.005],
  ['q4_0', 0.03],
] as const)('%s loses at most %d of either', async (type: QuantisedType, loss) => {
  const model = join(folder, `shapes-${type}.gguf`);
  await quantise({ model: F16, out: model, type, threads: 1 });
  const { caption, vqa } = await evaluate(model);
  expect(caption.object_f1).toBeGreaterThanOrEqual(f16.caption.object_f1 - loss - SLACK);
  expect(vqa.accuracy).toBeGreaterThanOrEqual(f16.vqa.accuracy - loss - SLACK);
});
