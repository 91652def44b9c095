import type { ConfigKey, Settings } from '../../config/config-keys.js';
import type { DecodingStrategyName } from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import { BYTES_PER_MB } from '../../core/units.js';
import { canCopy, KV_CACHE_POLICIES, type KvCachePolicy } from '../../engine/kv-cache/registry.js';
import { defaultCacheRam } from '../../engine/plan-model.js';
import type { CacheFlags } from '../options/cache-options.js';
import type { DecodingFlags } from '../options/decoding-options.js';
import type { DefaultDraft } from './default-draft.js';

/** What the optimizations of a config depend on; known before the model is loaded. */
export interface ModelFacts {
  readonly layers: number;
  readonly trainedContext: number;
  /** Bytes of keys and values for so many tokens of context. */
  readonly cacheBytes: (context: number, cache: CacheFlags, draft: string | undefined) => number | Promise<number>;
  /** Draft to use where none is named; undefined where there is none. */
  readonly defaultDraft: DefaultDraft | undefined;
}

export interface OptimizationRequest {
  /** Flags over environment over file. */
  readonly settings: Settings;
  /** The flags alone; what they say is not decided again. */
  readonly flags: DecodingFlags & CacheFlags & { readonly context?: number };
  /** null where the model is not known: its own errors come later. */
  readonly facts: ModelFacts | null;
  /** Where a setting comes from, for warnings. */
  readonly sourceOf: (key: ConfigKey) => string;
}

export interface Optimizations {
  readonly options: Pick<DecodingFlags, 'decoding' | 'draft' | 'draftView' | 'exitLayers'> &
    Pick<CacheFlags, 'cache' | 'cacheRam'> & { readonly context?: number };
  /** What could not be obeyed, and what is done instead. */
  readonly warnings: readonly string[];
}

/** The engine's default. */
const DEFAULT_CONTEXT = 4096;
const EXIT = 'optimizations.early_exit';
const SPECULATION = 'optimizations.speculative_decoding';
const CACHE = 'optimizations.kv_cache_compression';

/**
 * Makes options of what a config wants optimized. What the model is too small for is dropped with a warning, and so is early exit
 * where tokens are guessed: a token is either verified by all layers or leaves before the last.
 * @throws CONFIG_INVALID for a cache that holds nothing
 */
export async function chooseOptimizations(request: OptimizationRequest): Promise<Optimizations> {
  const decoding = chooseDecoding(request);
  const cache = chooseCache(request);
  const draft = request.flags.draft ?? decoding.options.draft;
  const context = await chooseContext(request, { ...request.flags, ...cache }, draft);
  return { options: { ...decoding.options, ...cache, ...context.options }, warnings: [...decoding.warnings, ...context.warnings] };
}

function chooseDecoding({ settings, flags, facts, sourceOf }: OptimizationRequest): Optimizations {
  const warnings: string[] = [];
  const speculates = settings[`${SPECULATION}.enabled`];
  const wantsExit = settings[`${EXIT}.enabled`];
  const wanted = flags.exitLayers === undefined ? settings[`${EXIT}.exit_layers`] : undefined;
  const layers = facts?.layers ?? Infinity;
  const exitLayers = [...new Set(wanted)].filter((layer) => layer < layers).sort((a, b) => a - b);
  let exits = wantsExit === true;
  if (exits && wanted !== undefined) {
    const dropped = wanted.filter((layer) => layer >= layers);
    const left = exitLayers.length === 0 ? 'none is left, so early exit is off' : `tokens may leave after ${exitLayers.join(', ')}`;
    if (dropped.length > 0) {
      warnings.push(
        `${sourceOf(`${EXIT}.exit_layers`)}: the model has ${layers} layers, so no token leaves after ${dropped.join(', ')}; ${left}`,
      );
    }
    exits = exitLayers.length > 0;
  }
  const exitOptions = exitLayers.length > 0 ? { exitLayers } : {};
  if (flags.decoding !== undefined) {
    // Only the parameters are the config's.
    const draft = flags.decoding === 'speculative' ? chooseDraft({ settings, flags, facts }) : {};
    return { options: { ...exitOptions, ...draft }, warnings };
  }
  if (speculates === true && exits) {
    warnings.push(
      `${sourceOf(`${EXIT}.enabled`)}: early exit is off: guessed tokens are verified by all layers; set ${SPECULATION}.enabled to false to use it`,
    );
    exits = false;
  }
  const draft = speculates === true ? chooseDraft({ settings, flags, facts }) : {};
  if (speculates === true && draft.draft === undefined && flags.draft === undefined) {
    warnings.push(
      `${sourceOf(`${SPECULATION}.enabled`)}: no draft model is known for this model, so guesses come from the text itself (ngram); name one with draft_model`,
    );
  }
  const guessing = draft.draft === undefined && flags.draft === undefined ? 'ngram' : 'speculative';
  const strategy: DecodingStrategyName = speculates === true ? guessing : exits ? 'early-exit' : 'plain';
  const isAsked = speculates !== undefined || wantsExit !== undefined;
  return { options: { ...(isAsked && { decoding: strategy }), ...draft, ...exitOptions }, warnings };
}

/** The draft that is named, else the one that belongs to the model. */
function chooseDraft({
  settings,
  flags,
  facts,
}: Pick<OptimizationRequest, 'settings' | 'flags' | 'facts'>): Pick<DecodingFlags, 'draft' | 'draftView'> {
  const named = flags.draft === undefined ? settings[`${SPECULATION}.draft_model`] : undefined;
  const fallback = flags.draft === undefined && named === undefined ? facts?.defaultDraft : undefined;
  const draft = named ?? fallback?.draft;
  const view = flags.draftView === undefined ? (settings[`${SPECULATION}.draft_view`] ?? fallback?.view) : undefined;
  const isDrafted = draft !== undefined || flags.draft !== undefined;
  return { ...(draft !== undefined && { draft }), ...(isDrafted && view !== undefined && { draftView: view }) };
}

function chooseCache({ settings, flags }: OptimizationRequest): Pick<CacheFlags, 'cache'> {
  const gear = settings[`${CACHE}.gear_enabled`];
  const pyramid = settings[`${CACHE}.pyramid_enabled`];
  if (flags.cache !== undefined || (gear === undefined && pyramid === undefined)) return {};
  // Pyramid selects, GEAR compresses the survivors.
  const name = [...(pyramid ? ['pyramidkv'] : []), ...(gear ? ['gear'] : [])].join('+') || 'full';
  const policy: KvCachePolicy | undefined = KV_CACHE_POLICIES.find((candidate) => candidate === name);
  return policy === undefined ? {} : { cache: policy };
}

async function chooseContext(
  { settings, flags, facts, sourceOf }: OptimizationRequest,
  cache: CacheFlags,
  draft: string | undefined,
): Promise<Optimizations> {
  const warnings: string[] = [];
  const asked = flags.context ?? settings['inference.context_length'];
  const fromFlag = flags.context !== undefined;
  if (facts === null) return { options: { ...(asked !== undefined && !fromFlag && { context: asked }) }, warnings };
  // Where a flag asks for more the engine says so.
  const context = fromFlag ? flags.context : Math.min(asked ?? DEFAULT_CONTEXT, facts.trainedContext);
  if (!fromFlag && asked !== undefined && asked > context) {
    warnings.push(
      `${sourceOf('inference.context_length')}: the model was trained with ${facts.trainedContext} tokens, so ${context} are kept`,
    );
  }
  const bound = cacheBound(settings);
  if (bound === undefined) return { options: { ...(asked !== undefined && !fromFlag && { context }) }, warnings };
  const bytesOf = (tokens: number): number | Promise<number> => facts.cacheBytes(tokens, cache, draft);
  const fitting = await mostThatFit(context, bound.mb * BYTES_PER_MB, bytesOf);
  if (fitting === 0) {
    throw new EdgeVlmError('CONFIG_INVALID', `${sourceOf(bound.key)}: ${bound.mb} MB hold no token of this model`, {
      hint: 'Raise it, or leave it out.',
    });
  }
  if (fitting < context) {
    warnings.push(
      `${sourceOf(bound.key)}: ${bound.mb} MB hold ${fitting} tokens of this model, so the context is ${fitting}, not ${context}`,
    );
  }
  const ram = cache.cacheRam ?? settings.cache_ram_mb ?? ramBelow(bound.mb, await bytesOf(fitting), cache);
  return {
    options: {
      ...((fitting < context || (asked !== undefined && !fromFlag)) && { context: fitting }),
      ...(ram !== undefined && cache.cacheRam === undefined && { cacheRam: ram }),
    },
    warnings,
  };
}

/** MB beside a cache of so many bytes, where what the engine would take is above the bound of both. */
function ramBelow(bound_mb: number, cacheBytes: number, { cache: policy }: CacheFlags): number | undefined {
  const left = bound_mb * BYTES_PER_MB - cacheBytes;
  const isBelow = canCopy({ ...(policy && { policy }) }) && left < defaultCacheRam(cacheBytes);
  return isBelow ? Math.floor(left / BYTES_PER_MB) : undefined;
}

/** The smaller of the two places it may stand in; the environment may give them different values. */
function cacheBound(settings: Settings): { readonly key: ConfigKey; readonly mb: number } | undefined {
  const keys = ['max_cache_size_mb', `${CACHE}.max_cache_size_mb`] as const;
  const [smallest] = keys
    .flatMap((key) => {
      const mb = settings[key];
      return mb === undefined ? [] : [{ key, mb }];
    })
    .sort((a, b) => a.mb - b.mb);
  return smallest;
}

/** The largest count up to `most` whose bytes fit; bytes grow with the count. */
async function mostThatFit(most: number, bytes: number, bytesOf: (count: number) => number | Promise<number>): Promise<number> {
  if ((await bytesOf(most)) <= bytes) return most;
  let [low, high] = [0, most];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if ((await bytesOf(middle)) <= bytes) low = middle;
    else high = middle;
  }
  return low;
}
