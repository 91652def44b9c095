import { EdgeVlmError } from '../../core/errors.js';
import type { ContentPart, GenerateRequest } from '../../core/generator.js';
import { pictureType } from './picture-type.js';

/** What a server understands beyond OpenAI's own fields. `edgevlm serve` takes llama.cpp's, too. */
export type Dialect = 'openai' | 'llama.cpp';

export interface RequestSettings {
  /** null leaves `model` out. */
  readonly model: string | null;
  readonly dialect: Dialect;
}

/**
 * A request in the words of the API: `completions` for a prompt as it is, `chat/completions` for messages. What only llama.cpp's server
 * and ours understand is sent to them alone; others may refuse fields that they do not know.
 * @throws USAGE for what cannot be said; IMAGE_UNSUPPORTED
 */
export function openAiRequest(
  request: GenerateRequest,
  { model, dialect }: RequestSettings,
): { path: string; body: object; warnings: string[] } {
  const { input, maxTokens, sampling = {}, stop = [], grammar, reuse, logprobs } = request;
  if (!Number.isInteger(maxTokens) || maxTokens < 1)
    throw new EdgeVlmError('USAGE', `the number of new tokens is ${maxTokens}; expected a whole number from 1`);
  if (grammar !== undefined) throw new EdgeVlmError('USAGE', 'this runtime cannot keep to a grammar; the engine can');
  const { temperature = 0, topK = 40, topP = 0.95, minP = 0.05, repeatPenalty = 1, penaltyLastN = 64, seed = 0 } = sampling;
  const { frequencyPenalty = 0, presencePenalty = 0 } = sampling;
  const warnings: string[] = [];
  if (dialect === 'openai') {
    const unsaid = [
      ...(temperature > 0 ? ['topK', 'minP'] : []),
      ...(repeatPenalty === 1 ? [] : ['repeatPenalty']),
      ...(reuse === false ? ['reuse'] : []),
    ];
    if (unsaid.length > 0) warnings.push(`this API has no words for ${unsaid.join(', ')}: the server does as it likes`);
  }
  const body = {
    ...(model !== null && { model }),
    ...('prompt' in input
      ? { prompt: input.prompt }
      : { messages: input.messages.map(({ role, content }) => ({ role, content: openAiContent(content) })) }),
    max_tokens: maxTokens,
    temperature,
    top_p: topP,
    seed,
    ...(frequencyPenalty !== 0 && { frequency_penalty: frequencyPenalty }),
    ...(presencePenalty !== 0 && { presence_penalty: presencePenalty }),
    ...(stop.length > 0 && { stop }),
    ...(logprobs !== undefined && logprobsWanted(logprobs, 'prompt' in input, dialect)),
    stream: true,
    stream_options: { include_usage: true },
    ...(dialect === 'llama.cpp' && {
      ...{ top_k: topK, min_p: minP, repeat_penalty: repeatPenalty, repeat_last_n: penaltyLastN },
      cache_prompt: reuse ?? true,
    }),
  };
  return { path: 'prompt' in input ? 'completions' : 'chat/completions', body, warnings };
}

/** llama.cpp's server tells nothing where none of the likeliest is asked for. */
function logprobsWanted(count: number, isPrompt: boolean, dialect: Dialect): object {
  const asked = dialect === 'llama.cpp' ? Math.max(1, count) : count;
  return isPrompt ? { logprobs: asked } : { logprobs: true, top_logprobs: asked };
}

/** Text alone goes as a string: servers without pictures take no parts. */
function openAiContent(content: readonly ContentPart[]): string | object[] {
  if (content.every((part) => part.type === 'text')) return content.map(({ text }) => text).join('');
  return content.map((part) => {
    switch (part.type) {
      case 'text':
        return { type: 'text', text: part.text };
      case 'picture': {
        const url = `data:${pictureType(part.bytes)};base64,${Buffer.from(part.bytes).toString('base64')}`;
        return { type: 'image_url', image_url: { url } };
      }
      case 'image':
      case 'seen-image':
        throw new EdgeVlmError('USAGE', 'this runtime takes pictures as files, not cut for the engine');
      default:
        return part satisfies never;
    }
  });
}
