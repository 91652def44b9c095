import type { Command } from 'commander';
import { findModel } from '../../catalogue/find-model.js';
import { formatBytes } from '../../core/units.js';
import { inspectModel, type ModelInspection } from '../../catalogue/inspect-model.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm models inspect FILE` */
export function modelsInspect(group: Command, { terminal }: Session): void {
  const command = group
    .command('inspect')
    .description('Tell what is in a GGUF file, without loading it.')
    .argument('<file>', 'a GGUF file, or the name of a model');
  addOutputOptions(command).action(async (file: string) => {
    const { model } = await findModel({ model: file, vision: false });
    const inspection = await inspectModel(model);
    terminal.result(inspection, inspectionText(inspection));
  });
}

function inspectionText({ tensors, decoder, vision, ...model }: ModelInspection): string {
  const types = Object.entries(tensors).map(([type, { count, bytes }]) => `${count} ${type} (${formatBytes(bytes)})`);
  const rows: [name: string, value: string | null][] = [
    ['file', model.file],
    ['size', `${formatBytes(model.bytes)}, GGUF version ${model.version}`],
    ['name', model.name],
    ['architecture', model.architecture],
    ['parameters', whole(model.parameters)],
    ['precision', model.precision],
    ['tensors', types.join(', ')],
  ];
  if (decoder !== null) {
    rows.push(
      ['layers', whole(decoder.layers)],
      ['embedding', whole(decoder.embedding)],
      ['context', whole(decoder.contextLength)],
      ['vocabulary', whole(decoder.vocabularySize)],
      ['tokenizer', decoder.tokenizer],
      ['chat template', decoder.chatTemplate ? 'yes' : 'no'],
    );
  }
  if (vision !== null) {
    rows.push(
      ['vision family', vision.family],
      ['tile side', whole(vision.imageSize)],
      ['layers', whole(vision.layers)],
      ['embedding', whole(vision.embedding)],
      ['image token', whole(vision.projection)],
    );
  }
  return rows.map(([name, value]) => `${name.padEnd(15)}${value ?? 'not told'}`).join('\n');
}

function whole(count: number | null): string | null {
  return count?.toLocaleString('en') ?? null;
}
