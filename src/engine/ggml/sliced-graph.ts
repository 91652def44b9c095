import type { Pointer } from '../ffi/pointer.js';
import type { Backend } from './backend.js';
import type { Graph } from './graph.js';
import { TensorContext } from './tensor-context.js';

/** Weight of the newest run of a node in what it is thought to take. */
const SMOOTHING = 0.5;

/**
 * Runs a placed graph stretch by stretch. Its nodes keep the places and the order they have in the whole, so what comes out is the same
 * bit by bit, whatever runs in between, as long as nothing else uses the memory that the graph was placed in.
 */
export class SlicedGraph {
  readonly #nodes: readonly Pointer[];
  /** What every node takes, milliseconds; undefined until it ran: such a node runs by itself. */
  readonly #cost_ms: (number | undefined)[];

  constructor(
    private readonly backend: Backend,
    private readonly graph: Graph,
  ) {
    const { ggml } = backend.native;
    this.#nodes = Array.from({ length: ggml.ggml_graph_n_nodes(graph.pointer) }, (_, i) => ggml.ggml_graph_node(graph.pointer, i));
    this.#cost_ms = this.#nodes.map(() => undefined);
  }

  /**
   * Runs the nodes from `from` on for about `target_ms`, at least one.
   * @returns the node to go on from; null after the last @throws CANCELLED; then the run is to be begun again
   */
  async run(from: number, target_ms: number, signal?: AbortSignal): Promise<number | null> {
    const { to, expected_ms } = this.#stretch(from, target_ms);
    const whole = from === 0 && to === this.#nodes.length;
    const start = performance.now();
    if (whole) {
      await this.backend.compute(this.graph.pointer, signal);
    } else {
      using stretch = new GraphStretch(this.graph, this.#nodes.slice(from, to));
      await this.backend.compute(stretch.pointer, signal);
    }
    this.#learn(from, to, expected_ms, performance.now() - start);
    return to < this.#nodes.length ? to : null;
  }

  #stretch(from: number, target_ms: number): { readonly to: number; readonly expected_ms: number } {
    let expected_ms = this.#cost_ms[from] ?? 0;
    let to = from + 1;
    if (this.#cost_ms[from] === undefined) return { to, expected_ms };
    for (; to < this.#nodes.length; to++) {
      const cost_ms = this.#cost_ms[to];
      if (cost_ms === undefined || expected_ms + cost_ms > target_ms) break;
      expected_ms += cost_ms;
    }
    return { to, expected_ms };
  }

  /** What a stretch took is shared out among its nodes as they took before. */
  #learn(from: number, to: number, expected_ms: number, took_ms: number): void {
    const factor = expected_ms === 0 ? 1 : 1 + SMOOTHING * (took_ms / expected_ms - 1);
    for (let i = from; i < to; i++) this.#cost_ms[i] = (this.#cost_ms[i] ?? took_ms) * factor;
  }
}

/** Nodes of a placed graph as one of their own. */
class GraphStretch extends TensorContext {
  readonly pointer: Pointer;

  constructor(graph: Graph, nodes: readonly Pointer[]) {
    const { backend } = graph;
    const { ggml } = backend.native;
    super(`a stretch of the ${graph.label}`, backend, 0, [graph], ggml.ggml_graph_overhead_custom(nodes.length, false));
    this.pointer = ggml.ggml_new_graph_custom(this.context, nodes.length, false);
    for (const node of nodes) ggml.ggml_graph_add_node(this.pointer, node);
  }
}
