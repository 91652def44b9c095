import type { Command } from 'commander';
import { copySample } from '../../data/copies/copy-sample.js';
import { wholeNumber } from '../options/number-parser.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

interface CopyOptions {
  readonly from: string;
  readonly outputDir: string;
  readonly count: number;
  readonly seed: number;
}

/** `edgevlm data copy` */
export function dataCopy(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('copy')
    .description('Copy a random sample of the pictures in a folder and the folders inside it, under new names: 000000.png, …')
    .requiredOption('--from <dir>', 'the folder to choose from')
    .requiredOption('--output-dir <dir>', 'the folder to fill; nothing in it is overwritten')
    .requiredOption('--count <n>', 'how many pictures', wholeNumber(1, 100_000_000))
    .option('--seed <n>', 'another seed chooses other pictures', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0);
  addOutputOptions(command).action(async ({ from, outputDir, count, seed }: CopyOptions) => {
    const sample = await copySample({ from, out: outputDir, count, seed, progress: terminal.progress, signal });
    const pictures = sample.written + sample.kept;
    if (pictures < count)
      terminal.warning(`${from} holds ${sample.available} pictures, fewer than ${count}: all of them are in the sample`);
    const there = sample.kept === 0 ? '' : ` (${sample.kept} were there)`;
    const facts = { outputDir, seed, pictures, ...sample };
    terminal.result(
      facts,
      `${pictures} of ${sample.available} pictures in ${outputDir}${there}${sample.truths ? ', with their truths' : ''}`,
    );
  });
}
