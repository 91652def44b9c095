import { expect, test } from 'vitest';
import { emptyReport } from './hostile-run.js';
import { hostileImage } from './images/hostile-image.js';
import { runHostileImages } from './images/run-hostile-images.js';
import { seedImages } from './images/seed-images.js';

/** 2 % of the campaign that `scripts/hostile.ts` runs whole. */
const CASES = 200;
const CAMPAIGN = 1;
const LONG = 30 * 60_000;

const seeds = await seedImages();

test(
  'every hostile picture is refused with a code, or becomes tiles; the process that decodes it lives',
  async () => {
    const report = emptyReport(CAMPAIGN);
    await runHostileImages(seeds, report, CASES);
    expect(report.failures).toEqual([]);
    // Some must be let through, or little would be tested.
    expect(report.outcomes.sound).toBeGreaterThan(CASES / 10);
  },
  LONG,
);

test('a case is the same whenever it is made', () => {
  const [once, again] = [hostileImage(seeds, CAMPAIGN, 77), hostileImage(seeds, CAMPAIGN, 77)];
  expect(again).toEqual(once);
  expect(hostileImage(seeds, CAMPAIGN + 1, 77)).not.toEqual(once);
});
