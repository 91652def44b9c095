import { expect, it } from 'vitest';

import { matchObjects } from '../../bench/quality/object-f1.js';
import { parseCaption } from '../../bench/quality/parse-caption.js';
import type { ImagePreprocessing } from '../../core/image.js';
import { RENDERERS, STYLES } from '../../data/scenes/vocabulary.js';
import { type EvalScenePicture, evalScenePictures, SCENE_VOCABULARY } from './eval-scene-pictures.js';

const PREPROCESSING: ImagePreprocessing = {
  kind: 'idefics3',
  tileSize: 32,
  longestEdge: 32,
  splitting: false,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

async function draw(
  count: number,
  shuffle: boolean,
  style: (typeof STYLES)[number] = 'plain',
  renderer: (typeof RENDERERS)[number] = 'distance',
): Promise<EvalScenePicture[]> {
  const options = { split: 'test', seed: 5, style, maxObjects: 4, side: 64 } as const;
  const pictures: EvalScenePicture[] = [];
  for await (const picture of evalScenePictures(options, { count, renderer, shuffle, preprocessing: PREPROCESSING }))
    pictures.push(picture);
  return pictures;
}

it.each(STYLES)('every wording of the %s captions is read as the objects that are there, each in its place', async (style) => {
  for (const { truth } of await draw(150, false, style)) {
    for (const caption of truth.captions) {
      const matches = matchObjects(parseCaption(caption, SCENE_VOCABULARY), truth.objects, ['colour', 'size', 'position']);
      const all = truth.objects.length;
      expect([caption, matches]).toEqual([caption, { matched: all, claimed: all, present: all }]);
    }
  }
});

it('shuffling keeps the truths and shows each the next picture', async () => {
  const [straight, shuffled] = [await draw(4, false), await draw(4, true)];
  expect(shuffled.map(({ line }) => line)).toEqual(straight.map(({ line }) => line));
  const [first, ...rest] = straight.map(({ image }) => image.hash);
  expect(shuffled.map(({ image }) => image.hash)).toEqual([...rest, first]);
  expect(new Set([first, ...rest]).size).toBe(4);
});

it.each(RENDERERS)('the %s renderer shows the same truths in pictures of its own', async (renderer) => {
  const [own, usual] = [await draw(3, false, 'rich', renderer), await draw(3, false, 'rich')];
  expect(own.map(({ truth }) => truth)).toEqual(usual.map(({ truth }) => truth));
  expect(own.map(({ image }) => image.hash).some((hash) => usual.some(({ image }) => image.hash === hash))).toBe(renderer === 'distance');
});
