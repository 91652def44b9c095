import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/vision/intake/decode-image.js';
import { prepareImage } from '../../src/vision/prepare-image.js';

const Manifest = Type.Object({
  mean: Type.Tuple([Type.Number(), Type.Number(), Type.Number()]),
  cases: Type.Array(Type.Object({ picture: Type.String(), tileSize: Type.Integer(), expected: Type.String() })),
});

const FIXTURES = new URL('../fixtures/vision/', import.meta.url);
const fixture = (name: string): string => fileURLToPath(new URL(name, FIXTURES));
const manifest = Value.Parse(Manifest, JSON.parse(readFileSync(fixture('llava.json'), 'utf8')));

/** Largest difference of a colour value, of 255: lossless pictures come out to the bit, two JPEG decoders need not agree. */
const boundOf = (picture: string): number => (picture.endsWith('.jpg') ? 3 : 0);

describe("pixels are those of LLaVA's and MobileVLM's own code", () => {
  it.each(manifest.cases)('$picture, to $tileSize px', async ({ picture, tileSize, expected }) => {
    const prepared = await prepareImage(fixture(`pictures/${picture}`), { kind: 'llava', tileSize, mean: manifest.mean, std: [1, 1, 1] });
    expect([prepared.rows, prepared.columns, prepared.tiles.length]).toEqual([0, 0, 1]);
    const [tile] = prepared.tiles;
    const reference = await decodeImage(fixture(`expected-llava/${expected}`));
    expect([tile?.width, tile?.height]).toEqual([reference.width, reference.height]);
    const differences = [...reference.rgb].map((value, i) => Math.abs(value - (tile?.rgb[i] ?? NaN)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(boundOf(picture));
  });
});
