import type { Backend } from './backend.js';
import { GraphAllocator } from './graph-allocator.js';
import type { Graph } from './graph.js';

/** A graph with the tensors that it is run through. */
export interface KeptGraph {
  readonly graph: Graph;
}

/** Graphs by their form, built when first needed; they share the memory for what they compute in between. */
export class GraphCache<Kept extends KeptGraph> implements Disposable {
  readonly #allocator: GraphAllocator;
  /** In order of last use. */
  readonly #graphs = new Map<string, Kept>();
  #built = 0;

  /** @param capacity graphs kept; the one that was not used for longest goes */
  constructor(
    backend: Backend,
    private readonly capacity: number,
  ) {
    this.#allocator = new GraphAllocator(backend);
  }

  /** How many graphs were built so far: a steady decode builds none. */
  get built(): number {
    return this.#built;
  }

  /** @throws OUT_OF_MEMORY */
  get(key: string, build: () => Kept): Kept {
    const known = this.#graphs.get(key);
    if (known !== undefined) {
      this.#graphs.delete(key);
      this.#graphs.set(key, known);
      return known;
    }
    const built = build();
    this.#built++;
    // What was placed before has lost its memory.
    if (this.#allocator.place(built.graph)) this.#drop();
    this.#graphs.set(key, built);
    const [oldestKey, oldest] = this.#graphs.entries().next().value ?? [];
    if (this.#graphs.size > this.capacity && oldestKey !== undefined && oldest !== undefined) {
      this.#graphs.delete(oldestKey);
      oldest.graph[Symbol.dispose]();
    }
    return built;
  }

  [Symbol.dispose](): void {
    this.#drop();
    this.#allocator[Symbol.dispose]();
  }

  #drop(): void {
    for (const { graph } of this.#graphs.values()) graph[Symbol.dispose]();
    this.#graphs.clear();
  }
}
