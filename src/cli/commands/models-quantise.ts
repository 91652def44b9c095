import os from 'node:os';
import { type Command, Option } from 'commander';
import { quantiseModel, type QuantiseReport } from '../../convert/quantise/quantise-model.js';
import { QUANTISE_TYPES, type QuantiseType } from '../../convert/quantise/quantised-type.js';
import { KEPT_REASONS, type KeptReason } from '../../convert/quantise/target-type.js';
import { formatBytes } from '../../core/units.js';
import { wholeNumber } from '../options/number-parser.js';
import { addOutputOptions } from '../options/output-options.js';
import { runNative } from '../run-native.js';
import type { Session } from '../session.js';

interface QuantiseCommandOptions {
  readonly type: QuantiseType;
  readonly threads?: number;
}

/** `edgevlm models quantise IN OUT` */
export function modelsQuantise(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('quantise')
    .description('Make a smaller GGUF file of an f32, f16 or bf16 one, of either half of a model.')
    .argument('<in>', 'the GGUF file to read')
    .argument('<out>', 'the GGUF file to write')
    .addOption(new Option('--type <type>', 'what matrices become').choices(Object.keys(QUANTISE_TYPES)).makeOptionMandatory())
    .option('--threads <n>', 'threads to compute with; default: all cores', wholeNumber(1, 512));
  addOutputOptions(command).action(async (model: string, out: string, options: QuantiseCommandOptions) => {
    const report = await quantiseModel({
      model,
      out,
      type: options.type,
      threads: options.threads ?? os.availableParallelism(),
      onProgress: terminal.progress,
      signal,
      run: async (request, hooks) => {
        await runNative('quantise', request, hooks);
      },
    });
    terminal.result(report, reportText(report));
  });
}

function reportText({ path, type, sourceBytes, bytes, tensorsByType, substituted, kept }: QuantiseReport): string {
  const types = Object.entries(tensorsByType).map(([name, count]) => `${count} ${name}`);
  return [
    `${path}: ${type}, ${formatBytes(sourceBytes)} became ${formatBytes(bytes)}, tensors: ${types.join(', ')}`,
    ...substitutionLines(substituted),
    ...Object.entries(kept).map(([reason, count]) => `  ${count} kept as they are: ${KEPT_REASONS[reason as KeptReason]}`),
  ].join('\n');
}

/** A line for all tensors of one row length and type: a tower has some hundred of them. */
function substitutionLines(substituted: QuantiseReport['substituted']): string[] {
  const groups = new Map<string, string[]>();
  for (const { name, rowLength, wanted, used } of substituted) {
    const what = `with rows of ${rowLength} do not fit the blocks of ${wanted}, so they are ${used}`;
    groups.set(what, [...(groups.get(what) ?? []), name]);
  }
  return [...groups].map(([what, [first = '', ...others]]) => {
    const count = 1 + others.length;
    return `  ${count} tensors ${what}: ${first}${count === 1 ? '' : `, … ${others.at(-1) ?? ''}`}`;
  });
}
