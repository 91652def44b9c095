import { callerOf } from '../caller-of.js';
import { INFERENCE_ERRORS } from '../schemas/error-schema.js';
import type { App, ServerOptions } from '../server-options.js';
import { answerHead, answerTail, finishReason } from './answer-parts.js';
import { ChatAnswer, ChatRequest } from './chat-schema.js';
import { streamAnswer } from './stream-answer.js';
import { chatToRequest, checkModel } from './to-generate-request.js';

/** `POST /v1/chat/completions` */
export function chatCompletionsRoute(app: App, options: ServerOptions): void {
  const { service, limits, modelNames, idempotency } = options;
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
      checkModel(body.model, modelNames);
      const asked = chatToRequest(body, limits);
      const head = answerHead('chatcmpl', options);
      if (body.stream !== true) {
        return idempotency.once(request, caller.client, asked, async () => {
          const result = await service.answer(asked, caller);
          const message = { role: 'assistant' as const, content: result.generated.text, refusal: null };
          const choice = { index: 0, message, finish_reason: finishReason(result.generated), logprobs: null };
          return { object: 'chat.completion' as const, ...head, choices: [choice], ...answerTail(result) };
        });
      }
      const chunk = (delta: object, finish_reason: string | null): object => ({
        object: 'chat.completion.chunk',
        ...head,
        choices: [{ index: 0, delta, finish_reason, logprobs: null }],
      });
      return streamAnswer(reply, service.run(asked, caller), {
        first: chunk({ role: 'assistant', content: '' }, null),
        piece: (content) => chunk({ content }, null),
        last: (result) => ({ ...chunk({}, finishReason(result.generated)), timings: answerTail(result).timings }),
        usage: (result) =>
          body.stream_options?.include_usage === true
            ? { object: 'chat.completion.chunk', ...head, choices: [], ...answerTail(result) }
            : null,
      });
    },
  );
}
