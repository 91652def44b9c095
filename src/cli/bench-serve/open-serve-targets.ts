import { basename } from 'node:path';
import type { ServeTarget } from '../../bench/scenarios/serve/serve-target.js';
import { SERVE_SIDES } from '../../bench/scenarios/serve/serve-target.js';
import { findModel } from '../../catalogue/find-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { ModelIdentity } from '../../core/run-record.js';
import { defaultThreads } from '../../engine/default-threads.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { findLlamaServer, llamaServerVersion } from '../../runtimes/llama-server/find-llama-server.js';
import { LlamaServerProcess } from '../../runtimes/llama-server/llama-server-process.js';
import { openServer } from '../../runtimes/openai-http/open-server.js';
import { RUNTIMES } from '../../runtimes/registry.js';
import { identifyModel } from '../identify-model.js';
import type { ServeRequest } from './serve-request.js';

/** Servers that can be asked. */
export interface ServeTargets {
  readonly targets: readonly ServeTarget[];
  /** What they are, by side; a URL without credentials, or a program with its version. */
  readonly names: readonly string[];
  /** Of the model that is served, where it is served from here. */
  readonly models: Readonly<Record<string, ModelIdentity>>;
  readonly pids: () => readonly number[];
  /** Ends what was started. May be called twice. */
  close(): Promise<void>;
}

const LOAD_MS = 120_000;
const DEFAULT_CONTEXT = 4096;

/**
 * Connects to the servers that were named, or starts two on the same files: ours and a llama-server, with as many threads, slots and
 * tokens for each slot.
 * @throws USAGE, SERVER_AWAY, and what finding and starting them throws
 */
export async function openServeTargets(request: ServeRequest, signal: AbortSignal): Promise<ServeTargets> {
  return request.vs === undefined ? connect(request, signal) : startBoth(request, signal);
}

async function connect({ urls, cacheRam, peerCacheRam }: ServeRequest, signal: AbortSignal): Promise<ServeTargets> {
  if (cacheRam !== undefined || peerCacheRam !== undefined) {
    throw new EdgeVlmError('USAGE', '--cache-ram and --peer-cache-ram are for servers that --vs starts');
  }
  if (urls.length === 0 || urls.length > SERVE_SIDES.length) {
    throw new EdgeVlmError('USAGE', `${urls.length} servers were named; one is measured, or two are compared`, {
      hint: 'Name them with --url, or start two with --vs llama-server.',
    });
  }
  const runtime = await RUNTIMES['openai-http']();
  const targets: ServeTarget[] = [];
  for (const [index, url] of urls.entries()) {
    const { generator } = await runtime.open({ model: '', url, device: 'cpu', quantization: 'none' }, { signal });
    targets.push({ side: SERVE_SIDES[index] ?? 'peer', generator });
  }
  return { targets, names: urls.map((url) => new URL(url).host), models: {}, pids: () => [], close: () => Promise.resolve() };
}

async function startBoth(request: ServeRequest, signal: AbortSignal): Promise<ServeTargets> {
  if (request.urls.length > 0) throw new EdgeVlmError('USAGE', '--vs starts both servers, so there is none to name with --url');
  if (request.model === undefined) throw new EdgeVlmError('USAGE', '--vs needs --model: what both serve');
  const { model, mmproj } = await findModel({ model: request.model, mmproj: request.mmproj, vision: true });
  if (mmproj === undefined) throw new EdgeVlmError('MMPROJ_MISSING', `there is no vision half beside ${basename(model)}`);
  const files = { model, mmproj };
  const program = await findLlamaServer(request.llamaServer);
  const version = await llamaServerVersion(program, signal);
  const models = { model: await identifyModel(await readGguf(model), signal), mmproj: await identifyModel(await readGguf(mmproj), signal) };
  const started: LlamaServerProcess[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(started.map((server) => server.stop()));
  };
  try {
    const load = { load_ms: LOAD_MS, signal };
    const ours = { program: process.execPath, args: serveArguments(request, files), readyPath: 'models', keyVariable: 'EDGEVLM_API_KEY' };
    started.push(await LlamaServerProcess.start({ ...ours, ...load }));
    started.push(await LlamaServerProcess.start({ program, args: llamaServerArguments(request, files), ...load }));
    const targets: ServeTarget[] = [];
    for (const [index, { access }] of started.entries()) {
      targets.push({ side: SERVE_SIDES[index] ?? 'peer', generator: await openServer(access, {}, signal) });
    }
    const pids = (): readonly number[] => started[0]?.pids ?? [];
    return { targets, names: ['edgevlm serve', `llama-server ${version}`], models, pids, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

interface Files {
  readonly model: string;
  readonly mmproj: string;
}

/** This very program. */
function serveArguments({ threads, context, parallel, cacheRam }: ServeRequest, { model, mmproj }: Files): string[] {
  const [, main = ''] = process.argv;
  return [
    ...process.execArgv,
    ...[main, 'serve', '--model', model, '--mmproj', mmproj, '--log-file', '', '--no-config', '--json', '--quiet'],
    ...['--threads', String(threads ?? defaultThreads()), '--parallel', String(parallel), '--max-queue', '1000'],
    ...['--context', String(context ?? DEFAULT_CONTEXT)],
    ...(cacheRam === undefined ? [] : ['--cache-ram', String(cacheRam)]),
  ];
}

/** Its context is that of all slots together. */
function llamaServerArguments({ threads, context, parallel, peerCacheRam }: ServeRequest, { model, mmproj }: Files): string[] {
  return [
    ...['-m', model, '--mmproj', mmproj, '--device', 'none', '--no-mmproj-offload', '--no-webui'],
    ...['-t', String(threads ?? defaultThreads()), '-np', String(parallel), '-c', String(parallel * (context ?? DEFAULT_CONTEXT))],
    ...(peerCacheRam === undefined ? [] : ['--cache-ram', String(peerCacheRam)]),
  ];
}
