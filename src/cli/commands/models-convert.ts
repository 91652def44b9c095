import { type Command, Option } from 'commander';
import { convertModel, type ConvertedFile } from '../../convert/convert-model.js';
import { OUTPUT_TYPES, type OutputType } from '../../convert/output-type.js';
import { formatBytes } from '../../core/units.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

interface ConvertCommandOptions {
  readonly mmprojOut?: string;
  readonly visionTower?: string;
  readonly type: OutputType;
  readonly name?: string;
}

/** `edgevlm models convert DIR OUT` */
export function modelsConvert(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('convert')
    .description('Make GGUF files of a checkpoint in safetensors or of PyTorch, of which nothing is executed.')
    .argument('<dir>', "the checkpoint's folder: config.json, the tokenizer's files, safetensors or pytorch_model.bin")
    .argument('<out>', 'the GGUF file to write')
    .option('--mmproj-out <file>', 'where the vision half goes; without it only the language half is written')
    .option('--vision-tower <dir>', "the CLIP model's folder, for LLaVA and MobileVLM checkpoints that only name theirs")
    .addOption(new Option('--type <type>', 'what matrices are written as').choices(Object.keys(OUTPUT_TYPES)).default('f16'))
    .option('--name <name>', "the model's name; default: the folder's");
  addOutputOptions(command).action(async (dir: string, out: string, options: ConvertCommandOptions) => {
    const { type, mmprojOut, visionTower, name } = options;
    const report = await convertModel({ dir, out, type, mmprojOut, visionTower, name, onProgress: terminal.progress, signal });
    const files = report.mmproj === undefined ? [report.model] : [report.model, report.mmproj];
    terminal.result(report, files.map(fileText).join('\n'));
  });
}

function fileText({ path, bytes, parameters, tensorsByType }: ConvertedFile): string {
  const types = Object.entries(tensorsByType).map(([type, count]) => `${count} ${type}`);
  return `${path}: ${formatBytes(bytes)}, ${parameters.toLocaleString('en')} parameters, tensors: ${types.join(', ')}`;
}
