import { setTimeout as sleep } from 'node:timers/promises';
import { EdgeVlmError } from '../../../src/core/errors.js';
import type { GenerateEvent, GenerateRequest, GenerateResult, Generator } from '../../../src/core/generator.js';
import type { OpenRuntime } from '../../../src/core/runtime.js';
import { nullRuntime } from '../../../src/runtimes/null/null-runtime.js';

/** A picture of these bytes ends the process that looks at it. */
export const DEADLY = Buffer.from('deadly');

/** Runtimes whose every token takes a moment, and that die of a deadly picture. */
export class ScriptedRuntimes {
  opened = 0;
  running = 0;
  mostRunning = 0;
  /** Tokens of all answers. */
  tokens = 0;
  /** How many of the next loads fail. */
  failures = 0;
  /** Questions in the order of their answers. */
  readonly asked: string[] = [];

  constructor(private readonly token_ms = 2) {}

  readonly open = async (): Promise<OpenRuntime> => {
    if (this.failures-- > 0) throw new EdgeVlmError('OUT_OF_MEMORY', 'there is no memory');
    this.opened++;
    const runtime = await nullRuntime.open({ model: '', device: 'cpu', quantization: 'none' });
    const state = { dead: false };
    const generator: Generator = {
      description: runtime.generator.description,
      generate: (request, signal) => this.#generate(request, signal, state),
      close: () => Promise.resolve(),
    };
    return { ...runtime, generator };
  };

  async *#generate(
    request: GenerateRequest,
    signal: AbortSignal | undefined,
    state: { dead: boolean },
  ): AsyncGenerator<GenerateEvent, void, void> {
    this.running++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    this.asked.push(textOf(request));
    let text = '';
    let count = 0;
    try {
      for (; count < request.maxTokens && signal?.aborted !== true; count++) {
        await sleep(this.token_ms);
        if (count === 1 && isDeadly(request)) state.dead = true;
        if (state.dead) throw new EdgeVlmError('ENGINE_CRASHED', 'the engine was ended by SIGSEGV');
        this.tokens++;
        text += 'a';
        yield { type: 'token', token: 1, text: 'a' };
      }
    } finally {
      this.running--;
    }
    const finishReason = signal?.aborted === true ? 'cancelled' : 'length';
    yield { type: 'done', result: result(text, count, finishReason) };
  }
}

function result(text: string, completionTokens: number, finishReason: GenerateResult['finishReason']): GenerateResult {
  const stages = {
    queue_ms: 0,
    tokenise_ms: 0,
    prepare_ms: 0,
    encode_ms: 3,
    prefill_ms: 4,
    decode_ms: 5,
    sample_ms: 0,
    ttft_ms: 1,
    total_ms: 2,
  };
  return { text, finishReason, promptTokens: 10, imageTokens: 6, cachedTokens: 4, completionTokens, timings: stages, warnings: [] };
}

function isDeadly({ input }: GenerateRequest): boolean {
  return (
    'messages' in input &&
    input.messages.some(({ content }) => content.some((part) => part.type === 'picture' && DEADLY.equals(part.bytes)))
  );
}

function textOf({ input }: GenerateRequest): string {
  if ('prompt' in input) return input.prompt;
  return input.messages.flatMap(({ content }) => content.map((part) => (part.type === 'text' ? part.text : ''))).join('');
}
