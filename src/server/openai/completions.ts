import { callerOf } from '../caller-of.js';
import { INFERENCE_ERRORS } from '../schemas/error-schema.js';
import type { App, ServerOptions } from '../server-options.js';
import { answerHead, answerTail, finishReason } from './answer-parts.js';
import { CompletionAnswer, CompletionRequest } from './chat-schema.js';
import { streamAnswer } from './stream-answer.js';
import { checkModel, completionToRequest } from './to-generate-request.js';

/** `POST /v1/completions` */
export function completionsRoute(app: App, options: ServerOptions): void {
  const { service, limits, modelNames, idempotency } = options;
  app.post(
    '/v1/completions',
    {
      config: { inference: true },
      schema: {
        summary: 'Continue a text',
        operationId: 'completions',
        tags: ['OpenAI'],
        produces: ['application/json', 'text/event-stream'],
        body: CompletionRequest,
        response: { 200: CompletionAnswer, ...INFERENCE_ERRORS },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request, reply);
      const { body } = request;
      checkModel(body.model, modelNames);
      const asked = completionToRequest(body, limits);
      const head = answerHead('cmpl', options);
      if (body.stream !== true) {
        return idempotency.once(request, caller.client, asked, async () => {
          const result = await service.answer(asked, caller);
          const choice = { index: 0, text: result.generated.text, finish_reason: finishReason(result.generated), logprobs: null };
          return { object: 'text_completion' as const, ...head, choices: [choice], ...answerTail(result) };
        });
      }
      const chunk = (text: string, finish_reason: string | null): object => ({
        object: 'text_completion',
        ...head,
        choices: [{ index: 0, text, finish_reason, logprobs: null }],
      });
      return streamAnswer(reply, service.run(asked, caller), {
        first: null,
        piece: (text) => chunk(text, null),
        last: (result) => ({ ...chunk('', finishReason(result.generated)), timings: answerTail(result).timings }),
        usage: (result) =>
          body.stream_options?.include_usage === true ? { object: 'text_completion', ...head, choices: [], ...answerTail(result) } : null,
      });
    },
  );
}
