import type { DecodingStrategy, DecodingTask } from '../decoding/decoding-strategy.js';

/** Stands for every token that ends an answer. */
const END = -1;

/**
 * Has a strategy go along a given answer, whatever it would have said itself, and shows what it would have chosen from: so that one
 * early difference does not make everything after it another text.
 */
export class TeacherForced implements DecodingStrategy {
  readonly lossy: string | null;
  readonly warnings: readonly string[];

  /**
   * @param tokens the answer; it ends after them. null: whatever the strategy says by itself, which is then only watched
   * @param observe the logits of each of them, and of the end where there is room for it; [vocabulary], valid during the call
   */
  constructor(
    private readonly strategy: DecodingStrategy,
    private readonly tokens: Int32Array | null,
    private readonly observe: (index: number, logits: Float32Array) => void,
  ) {
    ({ lossy: this.lossy, warnings: this.warnings } = strategy);
  }

  run(task: DecodingTask): AsyncGenerator<number, 'stop' | 'length'> {
    let index = 0;
    const sampler = {
      sample: (logits: Float32Array): number => {
        this.observe(index++, logits);
        return this.tokens === null ? task.sampler.sample(logits) : (this.tokens[index - 1] ?? END);
      },
      accept: (token: number): void => {
        task.sampler.accept(token);
      },
      [Symbol.dispose]: (): void => {
        // The task's is disposed of by who made it.
      },
    };
    return this.strategy.run({ ...task, sampler, isEnd: (token) => (this.tokens === null ? task.isEnd(token) : token === END) });
  }
}
