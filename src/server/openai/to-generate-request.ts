import type { ChatMessage, ContentPart, Grammar } from '../../core/generator.js';
import type { PictureFetcher } from '../../serving/picture-fetch/picture-fetcher.js';
import type { PictureLink, ServedRequest } from '../../serving/served-request.js';
import { picturePart } from '../intake/picture-part.js';
import { InvalidField } from '../invalid-field.js';
import { decodingOptions } from '../schemas/decoding-fields.js';
import { samplingSettings } from '../schemas/sampling-fields.js';
import { servingSettings } from '../schemas/serving-fields.js';
import type { RequestLimits } from '../server-options.js';
import type { ChatRequest, CompletionRequest, OpenAiMessage } from './chat-schema.js';
import { refuseUnobeyed } from './refuse-unobeyed.js';

type Generation = Omit<CompletionRequest, 'prompt' | 'logprobs'>;

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
  refuseUnobeyed(body);
  const { n_predict: predicted, stop, cache_prompt: reuse } = body;
  // As llama-server has it, -1 is as many as there may be.
  const tokens = body.max_tokens ?? (predicted === -1 ? limits.maxTokens : predicted);
  if (tokens != null && tokens > limits.maxTokens) throw new InvalidField('max_tokens', `must be at most ${limits.maxTokens}`);
  const decoding = body.decoding == null ? undefined : decodingOptions(body.decoding);
  return {
    maxTokens: tokens ?? limits.defaultTokens,
    sampling: { ...limits.defaultSampling, ...samplingSettings(body) },
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
    ...(reuse != null && { reuse }),
    ...(decoding && { decoding }),
    ...servingSettings(body),
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
