import type { TokenLogprobs } from '../../core/generator.js';
import { callerOf } from '../caller-of.js';
import { INFERENCE_ERRORS } from '../schemas/error-schema.js';
import type { App, ServerOptions } from '../server-options.js';
import { answerHead, answerNotes, answerTail, finishReason } from './answer-parts.js';
import { CompletionAnswer, CompletionRequest } from './chat-schema.js';
import { CompletionLogprobsWriter } from './logprobs.js';
import { streamAnswer } from './stream-answer.js';
import { completionToRequest } from './to-generate-request.js';

/** `POST /v1/completions` */
export function completionsRoute(app: App, options: ServerOptions): void {
  const { service, limits, version, idempotency } = options;
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
      const model = service.models.nameOf(body.model);
      const asked = { ...completionToRequest(body, limits), model };
      const head = answerHead('cmpl', model, version);
      const logprobs = new CompletionLogprobsWriter();
      if (body.stream !== true) {
        return idempotency.once(request, caller.client, asked, async () => {
          const result = await service.answer(asked, caller);
          const { text, logprobs: tokens } = result.generated;
          const choice = { index: 0, text, finish_reason: finishReason(result.generated), logprobs: logprobs.write(tokens) };
          return { object: 'text_completion' as const, ...head, choices: [choice], ...answerTail(result, options) };
        });
      }
      const chunk = (text: string, finish_reason: string | null, tokens?: readonly TokenLogprobs[]): object => ({
        object: 'text_completion',
        ...head,
        choices: [{ index: 0, text, finish_reason, logprobs: logprobs.write(tokens) }],
      });
      return streamAnswer(reply, service.run(asked, caller), {
        first: null,
        piece: (text, tokens) => chunk(text, null, tokens),
        last: (result) => ({ ...chunk('', finishReason(result.generated)), ...answerNotes(result, options) }),
        usage: (result) =>
          body.stream_options?.include_usage === true
            ? { object: 'text_completion', ...head, choices: [], ...answerTail(result, options) }
            : null,
      });
    },
  );
}
