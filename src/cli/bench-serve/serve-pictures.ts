import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Json } from '../../core/canonical-json.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import { sha256File } from '../../core/sha256-file.js';
import { writeScenes } from '../../data/scenes/write-scenes.js';
import { listPictures } from '../list-pictures.js';

export interface ServePicturesOptions {
  /** How many are shown to each server. */
  readonly count: number;
  /** The user's own; without it scenes are drawn. */
  readonly folder?: string;
  /** Of drawn scenes. */
  readonly side: number;
  readonly seed: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Pictures as files, drawn before anything is measured or a folder of the user's. */
export class ServePictures {
  private constructor(
    readonly name: string,
    readonly sha256: string,
    private readonly files: readonly string[],
    /** To be removed. */
    private readonly drawn: string | undefined,
  ) {}

  /** @throws USAGE for a folder of too few: a picture that comes again is not new to a server; FILE_NOT_FOUND, FILE_UNWRITABLE, CANCELLED */
  static async open({ count, folder, side, seed, progress, signal }: ServePicturesOptions): Promise<ServePictures> {
    if (folder !== undefined) {
      const { pictures, failures } = await listPictures([folder]);
      if (failures[0] !== undefined) throw failures[0].error;
      if (pictures.length < count) {
        throw new EdgeVlmError('USAGE', `${folder} holds ${pictures.length} pictures, and ${count} are needed`, {
          hint: 'Every request has a picture of its own: name a folder with more, ask for fewer --requests or --rounds, or leave --pictures out.',
        });
      }
      const files = pictures.slice(0, count);
      const hashes: string[] = [];
      for (const file of files) hashes.push(await sha256File(file, signal));
      return new ServePictures('pictures', sha256Json(hashes), files, undefined);
    }
    const out = await mkdtemp(join(tmpdir(), 'edgevlm-serve-'));
    try {
      const sha256 = await writeScenes({ out, count, split: 'test', style: 'rich', side, seed, progress, signal });
      const files = Array.from({ length: count }, (_, index) => join(out, 'images', `${String(index).padStart(6, '0')}.png`));
      return new ServePictures('scenes', sha256, files, out);
    } catch (thrown) {
      await rm(out, { recursive: true, force: true });
      throw thrown;
    }
  }

  get count(): number {
    return this.files.length;
  }

  async read(index: number): Promise<Uint8Array> {
    const file = this.files[index];
    if (file === undefined) throw new EdgeVlmError('INTERNAL', `there is no picture ${index} of ${this.files.length}`);
    return readFile(file);
  }

  /** Removes what was drawn. */
  async close(): Promise<void> {
    if (this.drawn !== undefined) await rm(this.drawn, { recursive: true, force: true });
  }
}
