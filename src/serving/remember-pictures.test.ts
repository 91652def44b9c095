import { describe, expect, it } from 'vitest';
import type { ModelDescription } from '../core/generator.js';
import type { PictureIntake } from './picture-intake.js';
import { rememberPictures } from './remember-pictures.js';

const model = { name: 'model' } as ModelDescription;

/** Takes in pictures of ten bytes each, and tells which. */
function counted(): { readonly seen: number[]; readonly intake: PictureIntake } {
  const seen: number[] = [];
  const intake: PictureIntake = (bytes) => {
    if (bytes[0] === 0) return Promise.reject(new Error('no picture'));
    seen.push(bytes[0] ?? -1);
    return Promise.resolve({ part: { type: 'picture', bytes }, bytes: 10, decode_ms: 5, preprocess_ms: 2 });
  };
  return { seen, intake };
}

const file = (id: number): Uint8Array => Uint8Array.of(id, 1, 2);

describe('pictures that come again', () => {
  it('are not decoded again, and took no time', async () => {
    const { seen, intake } = counted();
    const take = rememberPictures(intake, 100);
    const first = await take(file(1), model);
    expect(await take(file(1), model)).toEqual({ ...first, decode_ms: 0, preprocess_ms: 0 });
    expect([first.decode_ms, seen]).toEqual([5, [1]]);
  });

  it('are forgotten by the time since they were asked about, and never take more than allowed', async () => {
    const { seen, intake } = counted();
    const take = rememberPictures(intake, 20);
    for (const id of [1, 2, 1, 3, 1, 2]) await take(file(id), model);
    expect(seen).toEqual([1, 2, 3, 2]);
    const none = counted();
    const takeAll = rememberPictures(none.intake, 9);
    for (const id of [1, 1]) await takeAll(file(id), model);
    expect(none.seen).toEqual([1, 1]);
  });

  it('that were none are looked at again', async () => {
    const { seen, intake } = counted();
    const take = rememberPictures(intake, 20);
    for (const id of [0, 1, 0]) await take(file(id), model).catch(() => undefined);
    await expect(take(file(0), model)).rejects.toThrow('no picture');
    expect(seen).toEqual([1]);
  });

  it('at the same time count once', async () => {
    const { seen, intake } = counted();
    const take = rememberPictures(intake, 20);
    await Promise.all([1, 1, 2].map((id) => take(file(id), model)));
    for (const id of [1, 2]) await take(file(id), model);
    expect(seen).toEqual([1, 1, 2]);
  });

  it('go to the engine without pixels, which are there when it wants them', async () => {
    const images: PictureIntake = (bytes) => {
      const tile = { width: 1, height: 1, rgb: bytes };
      const image = { tiles: [tile], rows: 0, columns: 0, hash: `${bytes[0]}` };
      return Promise.resolve({ part: { type: 'image', image }, bytes: 10, decode_ms: 5, preprocess_ms: 2 });
    };
    const taken: number[] = [];
    const take = rememberPictures((bytes, of) => (taken.push(bytes[0] ?? -1), images(bytes, of)), 10);
    const [first] = [await take(file(1), model), await take(file(2), model)];
    const again = await take(file(1), model);
    const hidden = { tiles: [null], rows: 0, columns: 0, hash: '1' };
    expect([again.part, again.decode_ms, again.preprocess_ms]).toMatchObject([{ type: 'seen-image', image: hidden }, 0, 0]);
    expect(taken).toEqual([1, 2]);
    // The first one's pixels had to give way to the second's.
    if (again.part.type !== 'seen-image' || first.part.type !== 'image') throw new Error('not a seen picture');
    expect(await again.part.pixels()).toEqual(first.part.image);
    expect(taken).toEqual([1, 2, 1]);
  });
});
