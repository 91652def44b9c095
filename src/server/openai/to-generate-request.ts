import type { ChatMessage, ContentPart, Grammar, SamplingOptions } from '../../core/generator.js';
import type { PictureFetcher } from '../../serving/picture-fetch/picture-fetcher.js';
import type { PictureLink, ServedRequest } from '../../serving/served-request.js';
import { picturePart } from '../intake/picture-part.js';
import { InvalidField } from '../invalid-field.js';
import { decodingOptions } from '../schemas/decoding-fields.js';
import { servingSettings } from '../schemas/serving-fields.js';
import type { RequestLimits } from '../server-options.js';
import type { ChatRequest, CompletionRequest, OpenAiMessage } from './chat-schema.js';

type Generation = Omit<CompletionRequest, 'prompt' | 'logprobs'>;

/** Fields of OpenAI's that change the answer and cannot be obeyed: silence would be a lie. */
const NOT_OBEYED = ['tools', 'functions', 'logit_bias', 'audio', 'best_of', 'echo', 'suffix'] as const;

/** A chat as the model takes it. @throws REQUEST_INVALID, URL_REFUSED, IMAGE_TOO_LARGE */
export function chatToRequest(body: ChatRequest, limits: RequestLimits, fetcher?: PictureFetcher): ServedRequest {
  const messages = body.messages.map((message, index) => toMessage(message, index, limits, fetcher));
  const pictures = messages.reduce((sum, { content }) => sum + content.filter(({ type }) => type !== 'text').length, 0);
  if (pictures > limits.images) throw new InvalidField('messages', `hold ${pictures} pictures; this server takes ${limits.images} at once`);
  const grammar = grammarOf(body);
  const { max_completion_tokens: asked, logprobs: wanted, top_logprobs: top } = body;
  if (top != null && wanted !== true) throw new InvalidField('top_logprobs', 'needs logprobs to be true');
  return {
    input: { messages },
    ...generation(asked == null ? body : { ...body, max_tokens: asked }, limits),
    ...(grammar && { grammar }),
    ...(wanted === true && { logprobs: top ?? 0 }),
  };
}

/** A bare prompt. @throws REQUEST_INVALID */
export function completionToRequest(body: CompletionRequest, limits: RequestLimits): ServedRequest {
  const grammar = grammarOf(body);
  const { prompt, logprobs } = body;
  return { input: { prompt }, ...generation(body, limits), ...(grammar && { grammar }), ...(logprobs != null && { logprobs }) };
}

function generation(body: Generation, limits: RequestLimits): Omit<ServedRequest, 'input'> {
  for (const name of NOT_OBEYED) if (isAsked((body as Record<string, unknown>)[name])) throw new InvalidField(name, 'is not supported');
  const { max_tokens: tokens, stop, cache_prompt: reuse, context_shift: contextShift } = body;
  if (tokens != null && tokens > limits.maxTokens) throw new InvalidField('max_tokens', `must be at most ${limits.maxTokens}`);
  const decoding = body.decoding == null ? undefined : decodingOptions(body.decoding);
  const { cache, image_tokens, reuse_similar } = body;
  return {
    maxTokens: tokens ?? limits.defaultTokens,
    sampling: { ...limits.defaultSampling, ...samplingOf(body) },
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
    ...(reuse != null && { reuse }),
    ...(contextShift != null && { contextShift }),
    ...(decoding && { decoding }),
    ...servingSettings({
      ...(cache != null && { cache }),
      ...(image_tokens != null && { image_tokens }),
      ...(reuse_similar != null && { reuse_similar }),
    }),
  };
}

function isAsked(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

function samplingOf(body: Generation): SamplingOptions {
  const { temperature, top_p, top_k, min_p, repeat_penalty, frequency_penalty, presence_penalty, seed } = body;
  return {
    ...(temperature != null && { temperature }),
    ...(top_p != null && { topP: top_p }),
    ...(top_k != null && { topK: top_k }),
    ...(min_p != null && { minP: min_p }),
    ...(repeat_penalty != null && { repeatPenalty: repeat_penalty }),
    ...(frequency_penalty != null && { frequencyPenalty: frequency_penalty }),
    ...(presence_penalty != null && { presencePenalty: presence_penalty }),
    ...(seed != null && { seed }),
  };
}

function grammarOf({ response_format: format, grammar }: Generation): Grammar | undefined {
  if (grammar != null && format != null && format.type !== 'text')
    throw new InvalidField('grammar', 'and response_format exclude each other');
  if (grammar != null) return { gbnf: grammar };
  if (format == null || format.type === 'text') return undefined;
  return { jsonSchema: format.type === 'json_object' ? { type: 'object' } : format.json_schema.schema };
}

function toMessage(
  { role, content }: OpenAiMessage,
  index: number,
  limits: RequestLimits,
  fetcher: PictureFetcher | undefined,
): ChatMessage<ContentPart | PictureLink> {
  const parts: (ContentPart | PictureLink)[] = [];
  for (const [at, part] of (typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content).entries()) {
    const param = `messages[${index}].content[${at}]`;
    if (part.type === 'text') parts.push({ type: 'text', text: part.text });
    else if (role !== 'user') throw new InvalidField(param, 'is a picture; only users may send pictures');
    else parts.push(picturePart(part.image_url.url, `${param}.image_url.url`, limits, fetcher));
  }
  return { role: role === 'developer' ? 'system' : role, content: parts };
}
