import type { RuntimeSpec } from '../../core/runtime.js';
import { CAPTION_PROMPT } from '../commands/evaluation-limits.js';
import type { VlmModel } from './resolve-vlm-model.js';
import type { VlmCellSettings } from './vlm-cell-settings.js';

/** What options have when nobody sets them. */
export const VLM_DEFAULTS: Required<
  Pick<
    VlmCellSettings,
    'device' | 'quantization' | 'samples' | 'warmup' | 'prompt' | 'max_tokens' | 'batch' | 'allow_remote_code' | 'logit_pictures'
  >
> = {
  ...{ device: 'cpu', quantization: 'none', samples: 10, warmup: 1, prompt: CAPTION_PROMPT, max_tokens: 128, batch: 1 },
  allow_remote_code: false,
  logit_pictures: 4,
};

/** Nothing is left open that has a default. */
export type FullVlmSettings = VlmCellSettings & typeof VLM_DEFAULTS;

export function withVlmDefaults(settings: VlmCellSettings): FullVlmSettings {
  return { ...VLM_DEFAULTS, ...settings };
}

/** How the runtime is to open the model. */
export function specOfVlm(
  settings: FullVlmSettings,
  { model, mmproj, revision, name }: Pick<VlmModel, 'model' | 'mmproj' | 'revision' | 'name'>,
): RuntimeSpec {
  const { device, quantization, precision, threads, context, url, llama_server: llamaServer, allow_remote_code } = settings;
  return {
    model,
    device,
    quantization,
    ...(mmproj !== undefined && { mmproj }),
    ...(revision !== undefined && { revision }),
    ...(precision !== undefined && { precision }),
    ...(threads !== undefined && { threads }),
    ...(context !== undefined && { context }),
    ...(url !== undefined && { url, apiModel: name === 'None' ? null : name }),
    ...(llamaServer !== undefined && { llamaServer }),
    allowRemoteCode: allow_remote_code,
  };
}
