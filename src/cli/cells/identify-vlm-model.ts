import type { ModelIdentity } from '../../core/run-record.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { identifyBaseline } from '../commands/identify-baseline.js';
import { identifyModel } from '../identify-model.js';
import type { VlmModel } from './resolve-vlm-model.js';

/** The files that a run depends on, by role. A model of the hub, or of a server elsewhere, has none. @throws as `identifyBaseline` */
export async function identifyVlmModel(vlm: VlmModel, signal: AbortSignal): Promise<Record<string, ModelIdentity>> {
  const model = await identifyBaseline(vlm, signal);
  return {
    ...(model !== null && { model }),
    ...(vlm.mmproj !== undefined && { mmproj: await identifyModel(await readGguf(vlm.mmproj), signal) }),
  };
}
