import { EdgeVlmError } from '../../core/errors.js';
import type { ChatMessage, GenerateResult, Generator } from '../../core/generator.js';

/** The answer to the last message, greedily. @throws what the generator throws; CANCELLED when `signal` aborted */
export async function ask<Result extends GenerateResult>(
  generator: Generator<Result>,
  messages: readonly ChatMessage[],
  maxTokens: number,
  signal: AbortSignal,
): Promise<Result> {
  signal.throwIfAborted();
  for await (const event of generator.generate({ input: { messages }, maxTokens, sampling: { temperature: 0 } }, signal)) {
    if (event.type !== 'done') continue;
    if (event.result.finishReason === 'cancelled') throw new EdgeVlmError('CANCELLED', 'stopped while generating');
    return event.result;
  }
  throw new EdgeVlmError('INTERNAL', 'the generator ended without a result');
}
