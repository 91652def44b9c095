import type { DecodingOptions } from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { ChatMessage, ContentPart, GenerateRequest, Grammar, SamplingOptions } from '../../core/generator.js';
import { decodeDataUrl } from '../intake/decode-data-url.js';
import { InvalidField } from '../invalid-field.js';
import type { RequestLimits } from '../server-options.js';
import type { ChatRequest, CompletionRequest, OpenAiMessage } from './chat-schema.js';

type Generation = Omit<CompletionRequest, 'prompt'>;

/** Fields of OpenAI's that change the answer and cannot be obeyed: silence would be a lie. */
const NOT_OBEYED = ['tools', 'functions', 'logprobs', 'top_logprobs', 'logit_bias', 'audio', 'best_of', 'echo', 'suffix'] as const;

/** A chat as the model takes it. @throws REQUEST_INVALID, URL_REFUSED, IMAGE_TOO_LARGE, MODEL_UNKNOWN */
export function chatToRequest(body: ChatRequest, limits: RequestLimits): GenerateRequest {
  const messages = body.messages.map((message, index) => toMessage(message, index, limits));
  const pictures = messages.reduce((sum, { content }) => sum + content.filter(({ type }) => type === 'picture').length, 0);
  if (pictures > limits.images) throw new InvalidField('messages', `hold ${pictures} pictures; this server takes ${limits.images} at once`);
  const grammar = grammarOf(body);
  const { max_completion_tokens: asked } = body;
  return { input: { messages }, ...generation(asked == null ? body : { ...body, max_tokens: asked }, limits), ...(grammar && { grammar }) };
}

/** A bare prompt. @throws REQUEST_INVALID, MODEL_UNKNOWN */
export function completionToRequest(body: CompletionRequest, limits: RequestLimits): GenerateRequest {
  const grammar = grammarOf(body);
  return { input: { prompt: body.prompt }, ...generation(body, limits), ...(grammar && { grammar }) };
}

/** @throws MODEL_UNKNOWN for a name that is none of this server's; absent is the only model there is */
export function checkModel(named: string | null | undefined, known: readonly string[]): void {
  if (named == null || named === '' || known.includes(named)) return;
  throw new EdgeVlmError('MODEL_UNKNOWN', `this server has no model ${JSON.stringify(named.slice(0, 64))}`, {
    hint: `GET /v1/models lists what there is: ${known.join(', ')}.`,
  });
}

function generation(body: Generation, limits: RequestLimits): Omit<GenerateRequest, 'input'> {
  for (const name of NOT_OBEYED) if (isAsked((body as Record<string, unknown>)[name])) throw new InvalidField(name, 'is not supported');
  const { max_tokens: tokens, stop, cache_prompt: reuse } = body;
  if (tokens != null && tokens > limits.maxTokens) throw new InvalidField('max_tokens', `must be at most ${limits.maxTokens}`);
  const decoding = decodingOf(body);
  return {
    maxTokens: tokens ?? limits.defaultTokens,
    sampling: samplingOf(body),
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
    ...(reuse != null && { reuse }),
    ...(decoding && { decoding }),
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

function decodingOf({ decoding }: Generation): DecodingOptions | undefined {
  if (decoding == null) return undefined;
  const { strategy, draft_tokens: draftTokens, exit_threshold: exitThreshold } = decoding;
  return {
    ...(strategy && { strategy }),
    ...(draftTokens !== undefined && { draftTokens }),
    ...(exitThreshold !== undefined && { exitThreshold }),
  };
}

function grammarOf({ response_format: format, grammar }: Generation): Grammar | undefined {
  if (grammar != null && format != null && format.type !== 'text')
    throw new InvalidField('grammar', 'and response_format exclude each other');
  if (grammar != null) return { gbnf: grammar };
  if (format == null || format.type === 'text') return undefined;
  return { jsonSchema: format.type === 'json_object' ? { type: 'object' } : format.json_schema.schema };
}

function toMessage({ role, content }: OpenAiMessage, index: number, limits: RequestLimits): ChatMessage {
  const parts: ContentPart[] = [];
  for (const [at, part] of (typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content).entries()) {
    const param = `messages[${index}].content[${at}]`;
    if (part.type === 'text') parts.push({ type: 'text', text: part.text });
    else if (role !== 'user') throw new InvalidField(param, 'is a picture; only users may send pictures');
    else parts.push({ type: 'picture', bytes: decodeDataUrl(part.image_url.url, `${param}.image_url.url`, limits.imageBytes) });
  }
  return { role: role === 'developer' ? 'system' : role, content: parts };
}
