import type { TokenLogprobs } from '../../core/generator.js';
import { callerOf } from '../caller-of.js';
import { INFERENCE_ERRORS } from '../schemas/error-schema.js';
import type { App, ServerOptions } from '../server-options.js';
import { answerHead, answerNotes, answerTail, finishReason } from './answer-parts.js';
import { ChatAnswer, ChatRequest } from './chat-schema.js';
import { chatLogprobs } from './logprobs.js';
import { streamAnswer } from './stream-answer.js';
import { chatToRequest } from './to-generate-request.js';

/** `POST /v1/chat/completions` */
export function chatCompletionsRoute(app: App, options: ServerOptions): void {
  const { service, limits, version, idempotency, fetcher } = options;
  app.post(
    '/v1/chat/completions',
    {
      config: { inference: true },
      schema: {
        summary: 'Answer a chat with pictures',
        operationId: 'chatCompletions',
        tags: ['OpenAI'],
        produces: ['application/json', 'text/event-stream'],
        body: ChatRequest,
        response: { 200: ChatAnswer, ...INFERENCE_ERRORS },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request, reply);
      const { body } = request;
      const model = service.models.nameOf(body.model);
      const asked = { ...chatToRequest(body, limits, fetcher), model };
      const head = answerHead('chatcmpl', model, version);
      if (body.stream !== true) {
        return idempotency.once(request, caller.client, asked, async () => {
          const result = await service.answer(asked, caller);
          const message = { role: 'assistant' as const, content: result.generated.text, refusal: null };
          const logprobs = chatLogprobs(result.generated.logprobs);
          const choice = { index: 0, message, finish_reason: finishReason(result.generated), logprobs };
          return { object: 'chat.completion' as const, ...head, choices: [choice], ...answerTail(result, options) };
        });
      }
      const chunk = (delta: object, finish_reason: string | null, tokens?: readonly TokenLogprobs[]): object => ({
        object: 'chat.completion.chunk',
        ...head,
        choices: [{ index: 0, delta, finish_reason, logprobs: chatLogprobs(tokens) }],
      });
      return streamAnswer(reply, service.run(asked, caller), {
        first: chunk({ role: 'assistant', content: '' }, null),
        piece: (content, tokens) => chunk({ content }, null, tokens),
        last: (result) => ({ ...chunk({}, finishReason(result.generated)), ...answerNotes(result, options) }),
        usage: (result) =>
          body.stream_options?.include_usage === true
            ? { object: 'chat.completion.chunk', ...head, choices: [], ...answerTail(result, options) }
            : null,
      });
    },
  );
}
