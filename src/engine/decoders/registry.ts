import { EdgeVlmError } from '../../core/errors.js';
import type { GgufFile } from '../../formats/gguf/read-gguf.js';
import type { Decoder } from './decoder.js';
import { createLlamaDecoder } from './llama/llama-decoder.js';

/** Values of `general.architecture` that the engine runs. */
export const DECODER_ARCHITECTURES = ['llama'] as const;
export type DecoderArchitecture = (typeof DECODER_ARCHITECTURES)[number];

const DECODERS: Record<DecoderArchitecture, (file: GgufFile) => Decoder> = {
  llama: createLlamaDecoder,
};

/** The decoder of a model file. @throws MODEL_UNSUPPORTED, MODEL_INCOMPLETE, GGUF_INVALID */
export function createDecoder(file: GgufFile): Decoder {
  const name = file.metadata.string('general.architecture');
  const architecture = DECODER_ARCHITECTURES.find((known) => known === name);
  if (architecture === undefined) {
    const hint =
      name === 'clip' ? 'This is the vision half of a model: pass it with --mmproj and the language half with --model.' : undefined;
    throw new EdgeVlmError(
      'MODEL_UNSUPPORTED',
      `${file.path} has the architecture "${name}"; the engine knows ${DECODER_ARCHITECTURES.join(', ')}`,
      hint === undefined ? {} : { hint },
    );
  }
  return DECODERS[architecture](file);
}
