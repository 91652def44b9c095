import { type Command, Option } from 'commander';
import { albumSettings } from '../../data/albums/generate-album.js';
import { writeAlbums } from '../../data/albums/write-albums.js';
import { type Split, SPLITS, type Style, STYLES } from '../../data/scenes/vocabulary.js';
import { wholeNumber } from '../options/number-parser.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

interface AlbumsOptions {
  readonly count: number;
  readonly seed: number;
  readonly split: Split;
  readonly pictures: number;
  readonly questions: number;
  readonly side: number;
  readonly style: Style;
  readonly maxObjects?: number;
}

/** `edgevlm data albums OUT` */
export function dataAlbums(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('albums')
    .description('Draw albums: pictures with captions, and then questions about the early ones. At least 512 tokens each.')
    .argument('<out>', 'the folder to fill with images/ and album.jsonl')
    .requiredOption('--count <n>', 'how many albums', wholeNumber(1, 10_000_000))
    .option('--seed <n>', 'another seed draws other pictures', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .addOption(new Option('--split <name>', 'albums of different splits differ').choices(SPLITS).default('train'))
    .option('--pictures <n>', 'pictures in an album', wholeNumber(12, 64), 16)
    .option('--questions <n>', 'at least so many questions about an album', wholeNumber(8, 200), 8)
    .option('--side <pixels>', 'width and height', wholeNumber(32, 2048), 128)
    .addOption(new Option('--style <name>', 'how the pictures are drawn').choices(STYLES).default('rich'))
    .option('--max-objects <n>', 'the most objects in a picture; default: 4, with --style plain 1', wholeNumber(1, 9));
  addOutputOptions(command).action(async (out: string, options: AlbumsOptions) => {
    const { count, seed, split } = options;
    const settings = albumSettings({ ...options, index: 0 });
    const albumSha256 = await writeAlbums({ out, count, seed, split, ...settings, progress: terminal.progress, signal });
    const facts = { out, count, seed, split, ...settings, albumSha256 };
    terminal.result(facts, `${count} albums in ${out}, album.jsonl has the SHA-256 ${albumSha256}`);
  });
}
