import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { inspectModel } from '../../catalogue/inspect-model.js';
import type { OpenRuntime, RuntimeName } from '../../core/runtime.js';
import type { EngineLoadOptions } from '../../runtimes/engine/engine-protocol.js';
import { EngineGenerator } from '../../runtimes/engine/engine-generator.js';
import { chooseRuntime } from '../../runtimes/choose-runtime.js';
import { RUNTIMES } from '../../runtimes/registry.js';
import type { PictureIntake } from '../../serving/picture-intake.js';
import type { ServableModel } from '../../serving/servable-model.js';
import { rememberPictures } from '../../serving/remember-pictures.js';
import { applyCalibration } from '../calibration/apply-calibration.js';
import { cacheOptions, type CacheFlags } from '../options/cache-options.js';
import { computeOptions, type ComputeOptions } from '../options/compute-options.js';
import { decodingOptions, type DecodingFlags } from '../options/decoding-options.js';
import type { Session } from '../session.js';
import { planMemory } from './plan-memory.js';

/** How models are served; the same for all of them but what belongs to one. */
export interface ServedModelOptions extends ComputeOptions, DecodingFlags, CacheFlags {
  readonly runtime?: RuntimeName;
  readonly parallel: number;
  /** Tokens of each request. */
  readonly context?: number;
  /** How pictures are taken in, by who runs the model. */
  readonly intake: (isEngine: boolean) => PictureIntake;
}

/** Where a model is and what it is to be called. */
export interface ModelFiles {
  readonly name: string;
  /** What else. */
  readonly alias?: string;
  /** Path of the language half, or of a checkpoint. */
  readonly model: string;
  /** Path of the vision half. */
  readonly mmproj?: string;
}

/** The engine's own default. */
const DEFAULT_CONTEXT = 4096;

/**
 * Finds out who runs a model and what memory it will take; nothing is loaded.
 * @throws EdgeVlmError as `chooseRuntime`, `decodingOptions` and `planMemory`
 */
export async function servableModel(
  { name, alias = name, ...files }: ModelFiles,
  options: ServedModelOptions,
  session: Session,
): Promise<ServableModel> {
  const { model } = files;
  const runtime = options.runtime ?? (await chooseRuntime(files, session.signal)).name;
  const decoder = /\.gguf$/i.test(model) ? (await inspectModel(model)).decoder : null;
  const file = basename(model);
  const { device = 'cpu', threads, draft, context: asked } = options;
  const isEngine = runtime === 'engine';
  // All requests that run share the engine's context: each shall have what one alone would have.
  const each = asked ?? Math.min(decoder?.contextLength ?? DEFAULT_CONTEXT, DEFAULT_CONTEXT);
  const context = isEngine ? each * options.parallel : asked;
  const compute = { ...files, ...(context !== undefined && { context }) };
  const load: EngineLoadOptions = isEngine
    ? { ...compute, sequences: options.parallel, ...computeOptions(options), ...cacheOptions(options), ...(await decodingOptions(options)) }
    : compute;
  return {
    names: [name, ...new Set([alias, file].filter((other) => other !== name))],
    // A file that was replaced is another file.
    identity: JSON.stringify([runtime, files, draft, context, await Promise.all([files.model, files.mmproj].map(versionOf))]),
    runtime,
    layers: decoder?.layers ?? null,
    // A device has memory of its own, which the engine looks at.
    bytes: device === 'cpu' ? await planMemory(runtime, load) : null,
    preparePicture: rememberPictures(options.intake(isEngine)),
    open: isEngine
      ? (signal) => openEngine(load, options, { ...session, signal })
      : async (signal) => {
          const spec = { ...compute, device, quantization: 'none' as const, ...(threads !== undefined && { threads }) };
          return (await RUNTIMES[runtime]()).open(spec, { signal, onProgress: session.terminal.progress });
        },
  };
}

async function openEngine(load: EngineLoadOptions, { calibration = 'auto' }: DecodingFlags, session: Session): Promise<OpenRuntime> {
  const { terminal, signal } = session;
  const work = { label: 'load model', unit: 'bytes' } as const;
  const generator = await EngineGenerator.start(await applyCalibration(load, calibration, session), {
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

/** What changes when a file does. */
async function versionOf(path: string | undefined): Promise<string | null> {
  if (path === undefined) return null;
  return stat(path).then(
    ({ size, mtimeMs }) => `${size}@${mtimeMs}`,
    () => null,
  );
}
