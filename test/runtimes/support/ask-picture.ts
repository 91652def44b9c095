import type { GenerateEvent, GenerateRequest, GenerateResult, Generator } from '../../../src/core/generator.js';
import { hfCaptions } from '../../shapes/hf-captions.js';

/** The question of the fixture about a picture. */
export function captionRequest(bytes: Uint8Array, more: Partial<GenerateRequest> = {}): GenerateRequest {
  const content = [{ type: 'picture', bytes } as const, { type: 'text', text: hfCaptions.prompt } as const];
  return { input: { messages: [{ role: 'user', content }] }, maxTokens: 64, ...more };
}

/** The result, and the pieces that came before it. */
export async function askPicture(
  generator: Generator,
  request: GenerateRequest,
  signal?: AbortSignal,
  onEvent: (event: GenerateEvent) => void = () => undefined,
): Promise<{ result: GenerateResult; pieces: string[] }> {
  const pieces: string[] = [];
  for await (const event of generator.generate(request, signal)) {
    onEvent(event);
    if (event.type === 'done') return { result: event.result, pieces };
    pieces.push(event.text);
  }
  throw new Error('the stream ended without a result');
}
