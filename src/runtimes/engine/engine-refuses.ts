import { EdgeVlmError } from '../../core/errors.js';
import type { RuntimeSpec } from '../../core/runtime.js';
import { createDecoder } from '../../engine/decoders/registry.js';
import { readVisionFamily } from '../../engine/vision-family.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';

/** Why the engine cannot run a model, from the headers of its files; null when it can. */
export async function engineRefuses({ model, mmproj }: Pick<RuntimeSpec, 'model' | 'mmproj'>): Promise<string | null> {
  try {
    createDecoder(await readGguf(model));
    if (mmproj !== undefined) readVisionFamily(await readGguf(mmproj));
    return null;
  } catch (thrown) {
    return EdgeVlmError.from(thrown).message;
  }
}
