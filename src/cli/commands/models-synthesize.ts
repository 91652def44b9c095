import os from 'node:os';
import { type Command, Option } from 'commander';
import { QUANTISE_TYPES, type QuantiseType } from '../../convert/quantise/quantised-type.js';
import { SHAPE_NAMES, SHAPES, type ModelShape, type ShapeName } from '../../convert/synthesize/shapes.js';
import { SYNTHETIC_ARCHITECTURES, type SynthesizeReport, type SyntheticArchitecture } from '../../convert/synthesize/synthesize-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { decimalNumber, wholeNumber } from '../options/number-parser.js';
import { addOutputOptions } from '../options/output-options.js';
import { runNative } from '../run-native.js';
import type { Session } from '../session.js';

interface SynthesizeCommandOptions {
  readonly arch?: SyntheticArchitecture;
  readonly shape: ShapeName;
  readonly type: QuantiseType;
  readonly seed: number;
  readonly planted?: number;
  readonly agree?: number;
  readonly threads?: number;
}

const MAX_SEED = 0xffffffff;

/** `edgevlm models synthesize OUT` */
export function modelsSynthesize(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('synthesize')
    .description("Make a model of a published model's sizes with random weights: true time and bytes, meaningless answers.")
    .argument('<out>', 'the GGUF file to write')
    .addOption(new Option('--shape <name>', 'whose sizes').choices([...SHAPE_NAMES]).makeOptionMandatory())
    .addOption(
      new Option(
        '--arch <name>',
        'which half: llama is the language half, clip the vision half; default: llama where there is one',
      ).choices([...SYNTHETIC_ARCHITECTURES]),
    )
    .addOption(new Option('--type <type>', 'what matrices are written as').choices(Object.keys(QUANTISE_TYPES)).default('f16'))
    .option('--seed <n>', 'seed of the weights', wholeNumber(0, MAX_SEED), 1)
    .option('--planted <seed>', 'plant a chain of next tokens, so that it is known what is generated', wholeNumber(0, MAX_SEED))
    .option(
      '--agree <share>',
      'share of tokens whose next token is that of the chain of this seed; needs --planted; default: 1',
      decimalNumber(0, 1),
    )
    .option('--threads <n>', 'threads to compute with; default: all cores', wholeNumber(1, 512));
  addOutputOptions(command).action(async (out: string, options: SynthesizeCommandOptions) => {
    const { shape, type, seed, planted, agree } = options;
    if (agree !== undefined && planted === undefined) throw new EdgeVlmError('USAGE', '--agree needs --planted');
    const { decoder }: ModelShape = SHAPES[shape];
    const report = await runNative(
      'synthesize',
      {
        shape,
        architecture: options.arch ?? (decoder === undefined ? 'clip' : 'llama'),
        type,
        seed,
        planted: planted === undefined ? undefined : { seed: planted, agree: agree ?? 1 },
        out,
        threads: options.threads ?? os.availableParallelism(),
      },
      { onProgress: terminal.progress, signal },
    );
    terminal.result(report, reportText(report));
  });
}

function reportText({ path, bytes, parameters, tensorsByType }: SynthesizeReport): string {
  const types = Object.entries(tensorsByType).map(([type, count]) => `${count} ${type}`);
  return `${path}: ${formatBytes(bytes)}, ${parameters.toLocaleString('en')} random parameters, tensors: ${types.join(', ')}`;
}
