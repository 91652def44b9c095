import type { RuntimeName } from '../../core/runtime.js';
import { planModel, type PlanOptions } from '../../engine/plan-model.js';
import { type GgufFile, readGguf } from '../../formats/gguf/read-gguf.js';

/**
 * What an engine's process takes beside weights and cache: Node, libraries, intermediate results and encoded pictures that are kept.
 * The process of shapes held 204 MiB after 3,000 pictures, 40 of them for weights and cache (docs/SERVER.md).
 */
const PROCESS_BYTES = 192 * 1024 * 1024;
/** Where a file does not say. */
const DEFAULT_CONTEXT = 4096;
/** llama.cpp keeps keys and values as f16. */
const BYTES_PER_VALUE = 2;

/**
 * Memory that a model will take, told by the headers of its files: nothing else of them is read.
 * @param spec context in tokens, over all sequences together
 * @returns bytes; null where the headers do not tell, as with checkpoints
 * @throws what the headers are refused for
 */
export async function planMemory(runtime: RuntimeName, spec: PlanOptions): Promise<number | null> {
  switch (runtime) {
    case 'engine': {
      const { neededBytes, cacheRamBytes } = await planModel(spec);
      return PROCESS_BYTES + neededBytes + cacheRamBytes;
    }
    case 'llama-server':
    case 'llama-cpp': {
      const file = await readGguf(spec.model);
      const mmproj = spec.mmproj === undefined ? null : await readGguf(spec.mmproj);
      return PROCESS_BYTES + file.fileBytes + (mmproj?.fileBytes ?? 0) + keysAndValues(file, spec.context);
    }
    case 'openai-http':
    case 'transformers-js':
    case 'python':
    case 'null':
      return null;
    default:
      return runtime satisfies never;
  }
}

/** Of any architecture that says what llama.cpp asks for; one that keeps a state instead of a cache takes less. */
function keysAndValues({ metadata }: GgufFile, context: number | undefined): number {
  const architecture = metadata.string('general.architecture');
  // Some models have a figure for each layer.
  const most = (key: string, fallback: number): number => {
    const name = `${architecture}.${key}`;
    return metadata.get(name)?.type === 'array'
      ? Array.from(metadata.numbers(name)).reduce((a, b) => Math.max(a, b), 0)
      : metadata.count(name, fallback);
  };
  const heads = Math.max(1, most('attention.head_count', 1));
  const headSize = Math.ceil(most('embedding_length', 0) / heads);
  const values = most('attention.key_length', headSize) + most('attention.value_length', headSize);
  const cells = Math.min(context ?? DEFAULT_CONTEXT, most('context_length', DEFAULT_CONTEXT));
  return most('block_count', 0) * cells * most('attention.head_count_kv', heads) * values * BYTES_PER_VALUE;
}
