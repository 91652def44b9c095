import { EdgeVlmError } from '../../../core/errors.js';
import type { Backend } from '../../ggml/backend.js';
import type { Graph } from '../../ggml/graph.js';
import { Resource } from '../../ggml/resource.js';
import type { Tensor } from '../../ggml/tensor.js';
import { layOutTokens } from '../cells/lay-out-tokens.js';
import type { KvCache, KvCacheGeometry, KvInputs, KvPlan, PromptEnd, SequenceTokens } from '../kv-cache.js';
import type { SelectiveKvCache, TokenRange } from '../selective-kv-cache.js';
import { layerBudgets } from './layer-budgets.js';
import { PYRAMID_LEAST_SHARE, PYRAMID_MAX_WINDOW, type PyramidOptions } from './pyramid-options.js';
import { selectTokens } from './select-tokens.js';

/** For the scores of a prompt that ends. */
const SCORE_NODES = 12;

/** A prompt's end, and which of the plan's tokens ask what to keep of it; none where all of it is kept. */
interface Ending {
  readonly sequence: number;
  readonly queries: TokenRange | null;
  /** Tokens that every layer keeps besides the window. */
  readonly budgets: readonly number[];
}

interface PyramidKvPlan extends KvPlan {
  /** One for each layer. */
  readonly layers: readonly KvPlan[];
  readonly endings: readonly Ending[];
}

type PyramidKvInputs = Readonly<{
  layers: readonly KvInputs[];
  asked: readonly TokenRange[];
  /** Of every layer, in order of `asked`; filled while the graph is built. */
  scores: (readonly Tensor[])[];
}>;

/** A prompt that lost tokens. */
interface Thinned {
  /** Tokens it had. */
  readonly prompt: number;
  /** Its last tokens, which are all still there. */
  readonly window: number;
  /** Tokens that each layer kept. */
  readonly kept: readonly number[];
}

/**
 * PyramidKV (arXiv 2406.02069): of a prompt, every layer keeps only the tokens that the prompt's end looks at, fewer in every later layer
 * and in each key-value head other ones; answers are kept whole. Keys keep their positions, and positions go on counting truly. What is
 * kept lies in one cache of one layer each, as it is or compressed.
 *
 * Only a sequence's first prompt is thinned out. What is kept depends on how the prompt ends, so nothing of it can be shared.
 */
export class PyramidKvCache extends Resource implements KvCache<PyramidKvPlan, PyramidKvInputs> {
  readonly resource = this;
  readonly promptWindow: number;
  readonly sharesNothing = true as const;
  readonly #layers: readonly SelectiveKvCache[];
  readonly #geometry: KvCacheGeometry;
  readonly #options: Required<PyramidOptions>;
  readonly #thinned = new Map<number, Thinned>();
  /** Sequences whose prompt has ended. */
  readonly #ended = new Set<number>();

  /** @throws USAGE for a model with a sliding window, OUT_OF_MEMORY */
  constructor(
    backend: Backend,
    geometry: KvCacheGeometry,
    options: Required<PyramidOptions>,
    createLayer: (geometry: KvCacheGeometry) => SelectiveKvCache,
  ) {
    super('PyramidKV cache', [backend]);
    if (geometry.slidingWindow !== null) {
      const message = `PyramidKV keeps other tokens in each head, so it cannot tell which of them have left this model's sliding window`;
      throw this.failed(new EdgeVlmError('USAGE', message));
    }
    const layers: SelectiveKvCache[] = [];
    this.#layers = this.owning(() => {
      try {
        while (layers.length < geometry.layers) layers.push(createLayer({ ...geometry, layers: 1 }));
        return layers;
      } catch (thrown) {
        for (const { resource } of layers) resource[Symbol.dispose]();
        throw thrown;
      }
    });
    this.#geometry = geometry;
    this.#options = options;
    this.promptWindow = options.queries === 'text' ? PYRAMID_MAX_WINDOW : options.window;
  }

  get bytes(): number {
    return this.#layers.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  usedBytes(sequence?: number): number {
    return this.#layers.reduce((sum, layer) => sum + layer.usedBytes(sequence), 0);
  }

  length(sequence: number): number {
    const stored = this.#layers[0]?.length(sequence) ?? 0;
    const thinned = this.#thinned.get(sequence);
    return thinned === undefined ? stored : thinned.prompt + stored - (thinned.kept[0] ?? 0);
  }

  plan(batch: readonly SequenceTokens[]): PyramidKvPlan {
    const { tokens, positions } = layOutTokens(batch, (sequence) => this.length(sequence));
    const layers = this.#layers.map((layer) => layer.plan(batch));
    const endings: Ending[] = [];
    let end = 0;
    for (const { sequence, count, promptEnd } of batch) {
      end += count;
      if (promptEnd === undefined || this.#ended.has(sequence)) continue;
      endings.push(this.#ending(sequence, (positions[end - 1] ?? 0) + 1, count, end, promptEnd));
    }
    const asked = endings.flatMap(({ queries }) => queries ?? []);
    const graphKey = `${keyOf(layers)} ${asked.map(({ from, count }) => `${from}+${count}`).join(',')}`;
    return { tokens, positions, layers, endings, graphKey, nodesPerLayer: nodesOf(layers) + SCORE_NODES * asked.length };
  }

  commit(plan: PyramidKvPlan, graph?: Graph, inputs?: PyramidKvInputs): void {
    this.#layers.forEach((layer, i) => {
      layer.commit(planOf(plan, i));
    });
    let asked = 0;
    for (const ending of plan.endings) {
      this.#ended.add(ending.sequence);
      if (ending.queries === null) {
        for (const layer of this.#layers) layer.endPrompt(ending.sequence, null);
      } else {
        if (graph === undefined || inputs === undefined) throw new EdgeVlmError('INTERNAL', 'the graph of a prompt that ends is missing');
        this.#thin(plan, ending, ending.queries.count, graph, inputs, asked++);
      }
    }
  }

  revisit(sequence: number, from: number): PyramidKvPlan {
    const layers = this.#layers.map((layer, i) => {
      if (layer.revisit === undefined) throw new EdgeVlmError('INTERNAL', 'the layers of this cache cannot be revisited');
      return layer.revisit(sequence, this.#stored(sequence, from, i));
    });
    const tokens = layers[0]?.tokens ?? 0;
    const positions = Int32Array.from({ length: tokens }, (_, i) => from + i);
    return { tokens, positions, layers, endings: [], graphKey: keyOf(layers), nodesPerLayer: nodesOf(layers) };
  }

  truncate(sequence: number, length: number): void {
    if (length >= this.length(sequence)) return;
    const stored = this.#layers.map((_, i) => (length === 0 ? 0 : this.#stored(sequence, length, i)));
    this.#layers.forEach((layer, i) => {
      layer.truncate(sequence, stored[i] ?? 0);
    });
    if (length > 0) return;
    this.#thinned.delete(sequence);
    this.#ended.delete(sequence);
  }

  share(_from: number, to: number): number {
    if (this.length(to) > 0) throw new EdgeVlmError('INTERNAL', `sequence ${to} is not empty`);
    return 0;
  }

  inputs(graph: Graph, plan: PyramidKvPlan): PyramidKvInputs {
    const layers = this.#layers.map((layer, i) => layer.inputs(graph, planOf(plan, i)));
    return { layers, asked: plan.endings.flatMap(({ queries }) => queries ?? []), scores: [] };
  }

  fill(graph: Graph, { layers }: PyramidKvInputs, plan: PyramidKvPlan): void {
    this.#layers.forEach((layer, i) => {
      layer.fill(graph, inputsOf(layers, i), planOf(plan, i));
    });
  }

  store(graph: Graph, { layers }: PyramidKvInputs, layer: number, k: Tensor, v: Tensor): void {
    this.#layer(layer).store?.(graph, inputsOf(layers, layer), 0, k, v);
  }

  attend(graph: Graph, inputs: PyramidKvInputs, layer: number, q: Tensor, k: Tensor, v: Tensor, scale: number): Tensor {
    const { layers, asked } = inputs;
    const { attended, scores } = this.#layer(layer).attendScored(graph, inputsOf(layers, layer), 0, q, k, v, scale, asked);
    inputs.scores[layer] = scores.map((score) => graph.output(score));
    return attended;
  }

  protected release(): void {
    for (const { resource } of this.#layers) resource[Symbol.dispose]();
  }

  /** @param tokens of the prompt @param count of them in this batch, up to its token `end` */
  #ending(sequence: number, tokens: number, count: number, end: number, { textTokens }: PromptEnd): Ending {
    const { budget, window, beta, queries } = this.#options;
    const capacity = budget > 1 ? budget : Math.max(Math.ceil(budget * tokens), PYRAMID_LEAST_SHARE);
    const asking = queries === 'text' ? Math.min(Math.max(textTokens, window), PYRAMID_MAX_WINDOW) : window;
    const last = Math.max(Math.min(asking, Math.floor(capacity / 2), count), 1);
    const budgets = layerBudgets(tokens, capacity, last, this.#layers.length, beta);
    return { sequence, queries: budgets === null ? null : { from: end - last, count: last }, budgets: budgets ?? [] };
  }

  #thin(plan: PyramidKvPlan, { sequence, budgets }: Ending, window: number, graph: Graph, inputs: PyramidKvInputs, asked: number): void {
    const prompt = this.length(sequence);
    const { kvHeads } = this.#geometry;
    const kept = this.#layers.map((layer, i) => {
      const scores = inputs.scores[i]?.[asked];
      if (scores === undefined) throw new EdgeVlmError('INTERNAL', `layer ${i} has no scores`);
      const values = new Float32Array(scores.elements);
      graph.get(scores, values, 0, values.byteLength);
      const columns = layer.columns(planOf(plan, i), sequence);
      layer.endPrompt(sequence, selectTokens({ values, heads: scores.shape[1], columns }, kvHeads, window, budgets[i] ?? 0));
      return layer.length(sequence);
    });
    this.#thinned.set(sequence, { prompt, window, kept });
  }

  /** How many tokens of a sequence lie in a layer when it has `length`. */
  #stored(sequence: number, length: number, layer: number): number {
    const thinned = this.#thinned.get(sequence);
    if (thinned === undefined) return length;
    const { prompt, window, kept } = thinned;
    if (length < prompt - window) {
      throw new EdgeVlmError('INTERNAL', `sequence ${sequence} cannot go back to token ${length}: its first ${prompt} were thinned out`);
    }
    return (kept[layer] ?? 0) + length - prompt;
  }

  #layer(layer: number): SelectiveKvCache {
    const cache = this.#layers[layer];
    if (cache === undefined) throw new EdgeVlmError('INTERNAL', `no cache for layer ${layer}`);
    return cache;
  }
}

function keyOf(layers: readonly KvPlan[]): string {
  return layers.map(({ graphKey }) => graphKey).join('|');
}

function nodesOf(layers: readonly KvPlan[]): number {
  return Math.max(...layers.map(({ nodesPerLayer }) => nodesPerLayer));
}

function planOf({ layers }: PyramidKvPlan, layer: number): KvPlan {
  const plan = layers[layer];
  if (plan === undefined) throw new EdgeVlmError('INTERNAL', `no plan for layer ${layer}`);
  return plan;
}

function inputsOf(layers: readonly KvInputs[], layer: number): KvInputs {
  const inputs = layers[layer];
  if (inputs === undefined) throw new EdgeVlmError('INTERNAL', `no inputs for layer ${layer}`);
  return inputs;
}
