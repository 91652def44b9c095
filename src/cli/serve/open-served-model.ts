import { basename } from 'node:path';
import { findModel } from '../../catalogue/find-model.js';
import { inspectModel } from '../../catalogue/inspect-model.js';
import type { OpenRuntime, RuntimeName } from '../../core/runtime.js';
import { chooseRuntime } from '../../runtimes/choose-runtime.js';
import { RUNTIMES } from '../../runtimes/registry.js';
import { EngineGenerator } from '../../runtimes/engine/engine-generator.js';
import { applyCalibration } from '../calibration/apply-calibration.js';
import { cacheOptions, type CacheFlags } from '../options/cache-options.js';
import { computeOptions } from '../options/compute-options.js';
import { decodingOptions, type DecodingFlags } from '../options/decoding-options.js';
import type { ModelOptions } from '../options/model-options.js';
import type { Session } from '../session.js';

export interface ServedModelOptions extends ModelOptions, DecodingFlags, CacheFlags {
  readonly runtime?: RuntimeName;
  readonly parallel: number;
}

/** A model that can be loaded, as often as it must. */
export interface ServedModel {
  /** What requests may call it. */
  readonly names: readonly [string, ...string[]];
  readonly runtime: RuntimeName;
  /** Of the language half; null where the file does not say. */
  readonly layers: number | null;
  readonly open: (signal: AbortSignal) => Promise<OpenRuntime>;
}

interface FoundFiles {
  readonly model: string;
  readonly mmproj?: string;
}

/** The engine's own default. */
const DEFAULT_CONTEXT = 4096;

/**
 * Finds the model and who runs it: the engine where it can, else what else this machine has.
 * @throws EdgeVlmError as `findModel` and `chooseRuntime`
 */
export async function openServedModel(options: ServedModelOptions, session: Session): Promise<ServedModel> {
  const { model, mmproj } = await findModel({ model: options.model, mmproj: options.mmproj });
  const files = { model, ...(mmproj !== undefined && { mmproj }) };
  const runtime = options.runtime ?? (await chooseRuntime(files, session.signal)).name;
  const decoder = /\.gguf$/i.test(model) ? (await inspectModel(model)).decoder : null;
  const file = basename(model);
  const short = basename(options.model);
  const shared = { names: [short, ...(file === short ? [] : [file])] as const, runtime, layers: decoder?.layers ?? null };
  if (runtime === 'engine') {
    // All requests that run share the engine's context: each shall have what one alone would have.
    const each = options.context ?? Math.min(decoder?.contextLength ?? DEFAULT_CONTEXT, DEFAULT_CONTEXT);
    const engineOptions = { ...options, ...files, context: each * options.parallel };
    return { ...shared, open: (signal) => openEngine(engineOptions, { ...session, signal }) };
  }
  const { device = 'cpu', threads, context } = options;
  const spec = {
    ...files,
    device,
    quantization: 'none' as const,
    ...(threads !== undefined && { threads }),
    ...(context !== undefined && { context }),
  };
  return {
    ...shared,
    open: async (signal) => (await RUNTIMES[runtime]()).open(spec, { signal, onProgress: session.terminal.progress }),
  };
}

async function openEngine(options: ServedModelOptions & FoundFiles, session: Session): Promise<OpenRuntime> {
  const { terminal, signal } = session;
  const { model, mmproj, context } = options;
  const load = {
    ...{ model, ...(mmproj !== undefined && { mmproj }), ...(context !== undefined && { context }) },
    ...{ ...computeOptions(options), ...cacheOptions(options), ...(await decodingOptions(options)) },
  };
  const work = { label: 'load model', unit: 'bytes' } as const;
  const generator = await EngineGenerator.start(await applyCalibration(load, options.calibration ?? 'auto', session), {
    signal,
    onLoadBytes: (done, total) => {
      terminal.progress({ type: 'advance', ...work, done, total });
    },
  }).finally(() => {
    terminal.progress({ type: 'end', ...work, done: 0 });
  });
  const { precision, load_ms } = generator.description;
  return {
    generator,
    effectivePrecision: precision,
    load_ms,
    pids: () => (generator.pid === undefined ? [] : [generator.pid]),
    close: () => generator.close(),
  };
}
