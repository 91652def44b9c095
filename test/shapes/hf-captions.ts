import { readFileSync } from 'node:fs';

import { Type } from 'typebox';
import { Value } from 'typebox/value';

import { generateScene, type Scene } from '../../src/data/scenes/generate-scene.js';
import { SPLITS, STYLES } from '../../src/data/scenes/vocabulary.js';

const Fixture = Type.Object({
  weights: Type.String(),
  scenes: Type.Object({
    split: Type.Union(SPLITS.map((split) => Type.Literal(split))),
    seed: Type.Integer(),
    style: Type.Union(STYLES.map((style) => Type.Literal(style))),
    count: Type.Integer({ minimum: 1 }),
    maxObjects: Type.Integer(),
  }),
  prompt: Type.String(),
  promptIds: Type.Array(Type.Integer()),
  captions: Type.Array(Type.String()),
  smallestGap: Type.Number(),
  logits: Type.Array(Type.Array(Type.Number())),
});

/** What HF Transformers says of scenes of the test split; `python/training/shapes/make_fixtures.py` makes it and tells its fields. */
export const hfCaptions = Value.Parse(Fixture, JSON.parse(readFileSync(new URL('fixtures/hf-captions.json', import.meta.url), 'utf8')));

/** Scene `index` of {@link hfCaptions}. */
export function captionedScene(index: number): Scene {
  const { split, seed, style, maxObjects } = hfCaptions.scenes;
  return generateScene({ split, seed, index, style, maxObjects });
}
