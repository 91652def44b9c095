import { findModel } from '../../catalogue/find-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import { createDecoder } from '../../engine/decoders/registry.js';
import { kvCacheBytes } from '../../engine/kv-cache/registry.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { cacheOptions } from '../options/cache-options.js';
import type { ModelFacts } from './choose-optimizations.js';
import { defaultDraft } from './default-draft.js';

/**
 * What the header of a model's file says, and its draft's; null where the model is not there or not one of the engine's: whoever loads
 * it says why.
 * @param sequences that share the context, each of the whole length
 */
export async function modelFacts(name: string, sequences: number): Promise<ModelFacts | null> {
  try {
    const { model } = await findModel({ model: name, vision: false });
    const { shape } = createDecoder(await readGguf(model));
    let draftShape: Promise<typeof shape> | undefined;
    return {
      layers: shape.layers,
      trainedContext: shape.trainedContext,
      defaultDraft: await defaultDraft(name, model),
      cacheBytes: async (context, flags, draft) => {
        const cells = context * sequences;
        const { cache = {} } = cacheOptions(flags);
        const own = kvCacheBytes({ ...shape, cells }, cache);
        if (draft === undefined) return own;
        draftShape ??= findModel({ model: draft, vision: false }).then(async (found) => createDecoder(await readGguf(found.model)).shape);
        return own + kvCacheBytes({ ...(await draftShape), cells }, {});
      },
    };
  } catch (thrown) {
    if (thrown instanceof EdgeVlmError) return null;
    throw thrown;
  }
}
