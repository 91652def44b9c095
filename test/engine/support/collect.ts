import type { Engine } from '../../../src/engine/engine.js';
import type { EngineResult, EngineTask } from '../../../src/engine/engine-task.js';

/** A whole answer. */
export interface Answer {
  readonly tokens: number[];
  readonly result: EngineResult;
}

/** Reads a generation to its end; `onToken` sees each token as it comes. */
export async function collect(
  engine: Engine,
  task: Omit<EngineTask, 'isEnd'>,
  signal?: AbortSignal,
  onToken: (count: number) => void = () => undefined,
): Promise<Answer> {
  const tokens: number[] = [];
  for await (const event of engine.generate({ isEnd: () => false, ...task }, signal)) {
    if (event.type === 'done') return { tokens, result: event.result };
    tokens.push(event.token);
    onToken(tokens.length);
  }
  throw new Error('the generation ended without a result');
}
