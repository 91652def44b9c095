import { EdgeVlmError } from '../../core/errors.js';
import type { Device, Quantization, RuntimeName } from '../../core/runtime.js';
import type { VlmCellSettings } from '../cells/vlm-cell-settings.js';
import type { RunLogOptions } from '../options/mlflow-options.js';

/** What `bench vlm` is told. */
export interface BenchVlmOptions extends RunLogOptions {
  readonly model: string;
  readonly mmproj?: string;
  readonly device?: readonly Device[];
  readonly quantization?: readonly Quantization[];
  readonly precision?: string;
  readonly runtime?: readonly RuntimeName[];
  readonly samples: number;
  readonly cpuSamples?: number;
  readonly imageDir?: string;
  readonly warmup: number;
  readonly prompt: string;
  readonly maxTokens: number;
  readonly batch: number;
  readonly threads?: number;
  readonly context?: number;
  readonly url?: string;
  readonly llamaServer?: string;
  readonly allowRemoteCode?: true;
  readonly keepAnswers?: true;
  readonly matrix?: true;
  readonly plan?: string;
  readonly again?: true;
  readonly logitPictures?: number;
  readonly results: string;
  readonly out?: string;
}

/** What the options have in common with a cell; of lists the only member. @throws USAGE for several without --matrix */
export function cellSettings(options: BenchVlmOptions & { readonly imageDir: string }): VlmCellSettings {
  const { model, mmproj, precision, samples, imageDir, warmup, prompt, maxTokens, batch, threads, context, url, llamaServer } = options;
  const only = <T extends string>(flag: string, list: readonly T[] | undefined): T | undefined => {
    if ((list?.length ?? 0) <= 1 || options.matrix === true) return list?.[0];
    throw new EdgeVlmError('USAGE', `${flag} ${list?.join(',') ?? ''}: several are measured with --matrix`);
  };
  const [device, quantization, runtime] = [
    only('--device', options.device),
    only('--quantization', options.quantization),
    only('--runtime', options.runtime),
  ];
  return {
    ...{ model, image_dir: imageDir, samples, warmup, prompt, max_tokens: maxTokens, batch },
    ...(device !== undefined && { device }),
    ...(quantization !== undefined && { quantization }),
    ...(runtime !== undefined && { runtime }),
    ...(mmproj !== undefined && { mmproj }),
    ...(precision !== undefined && { precision }),
    ...(threads !== undefined && { threads }),
    ...(context !== undefined && { context }),
    ...(url !== undefined && { url }),
    ...(llamaServer !== undefined && { llama_server: llamaServer }),
    ...(options.allowRemoteCode === true && { allow_remote_code: true }),
    ...(options.logitPictures !== undefined && { logit_pictures: options.logitPictures }),
  };
}
