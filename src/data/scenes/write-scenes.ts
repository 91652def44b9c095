import { checkWholeNumber } from '../check-whole-number.js';
import { writeDataSet, type DataSetTarget } from '../write-data-set.js';
import { sceneSettings, type SceneOptions } from './generate-scene.js';
import { renderScene } from './render-scene.js';
import type { Renderer } from './vocabulary.js';

export interface WriteScenesOptions extends Omit<SceneOptions, 'index'>, DataSetTarget {
  /** How many pictures, from 1; their indices are 0 to count − 1. */
  readonly count: number;
  /** Default `distance`. */
  readonly renderer?: Renderer;
}

/**
 * Writes `images/000000.png`, … and `truths.jsonl` (one {@link SceneTruth} a line), the latter last.
 * Repeating an interrupted call draws only the pictures that are missing.
 * @returns the SHA-256 of `truths.jsonl`, in hex.
 * @throws EdgeVlmError USAGE for a bad option or a folder of other scenes, FILE_UNWRITABLE, CANCELLED.
 */
export async function writeScenes(options: WriteScenesOptions): Promise<string> {
  const { count, split, seed, renderer = 'distance' } = options;
  checkWholeNumber('count', count, 1, Number.MAX_SAFE_INTEGER);
  const { side, maxObjects, style } = sceneSettings({ ...options, index: 0 });
  return writeDataSet({
    ...options,
    label: 'draw scenes',
    picturesPerRecord: 1,
    // Folders of plain scenes are older than styles, and those of either than renderers.
    settings: { split, seed, side, maxObjects, ...(style !== 'plain' && { style }), ...(renderer !== 'distance' && { renderer }) },
    settingsFile: 'scenes.json',
    recordsFile: 'truths.jsonl',
    draw: async (index) => {
      const { truth, ...raster } = await renderScene({ split, seed, index, side, maxObjects, style }, renderer);
      const file = `images/${String(index).padStart(6, '0')}.png`;
      return { record: { ...truth, file }, pictures: [{ file, raster }] };
    },
  });
}
