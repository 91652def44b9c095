import type { Command } from 'commander';
import { writeUltrasound } from '../../data/ultrasound/write-ultrasound.js';
import { wholeNumber } from '../options/number-parser.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

interface DummyOptions {
  readonly outputDir: string;
  readonly count: number;
  readonly seed: number;
}

/** `edgevlm data dummy` */
export function dataDummy(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('dummy')
    .description('Draw greyscale pictures that look like ultrasound and show nobody: for trying a benchmark, not for judging answers.')
    .requiredOption('--output-dir <dir>', 'the folder to fill with 000000.png, …; nothing in it is overwritten')
    .requiredOption('--count <n>', 'how many pictures', wholeNumber(1, 10_000_000))
    .option('--seed <n>', 'another seed draws other pictures', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0);
  addOutputOptions(command).action(async ({ outputDir, count, seed }: DummyOptions) => {
    const filled = await writeUltrasound({ out: outputDir, count, seed, progress: terminal.progress, signal });
    const there = filled.kept === 0 ? '' : ` (${filled.kept} were there)`;
    terminal.result({ outputDir, seed, pictures: count, ...filled }, `${count} pictures in ${outputDir}${there}`);
  });
}
