import { Type } from 'typebox';
import { answerFacts } from '../answer-facts.js';
import { callerOf } from '../caller-of.js';
import { formRequest } from '../intake/form-generation.js';
import { readForm } from '../intake/read-form.js';
import { requireQuestion } from '../intake/require-question.js';
import { ANSWER_FACTS } from '../schemas/answer-schema.js';
import { INFERENCE_ERRORS } from '../schemas/error-schema.js';
import { GENERATION_FIELDS, GENERATION_SCHEMAS, ImageField } from '../schemas/form-fields.js';
import type { App, ServerOptions } from '../server-options.js';
import { FORM_ROUTE } from './form-route.js';

const Body = Type.Object({ image: ImageField, question: Type.String({ minLength: 1 }), ...GENERATION_SCHEMAS });
const Answer = Type.Object({ answer: Type.String(), question: Type.String(), ...ANSWER_FACTS }, { description: 'The answer.' });

/** `POST /vqa` */
export function vqaRoute(app: App, options: ServerOptions): void {
  const { service, limits, idempotency } = options;
  app.post(
    '/vqa',
    {
      ...FORM_ROUTE,
      schema: {
        summary: 'Answer a question about a picture',
        operationId: 'vqa',
        tags: ['Pictures'],
        consumes: ['multipart/form-data'],
        body: Body,
        response: { 200: Answer, ...INFERENCE_ERRORS },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request, reply);
      const form = await readForm(request, ['question', ...GENERATION_FIELDS], limits);
      const question = requireQuestion(form);
      const asked = formRequest(form, question, limits);
      return idempotency.once(request, caller.client, asked, async () => {
        const result = await service.answer(asked, caller);
        return { answer: result.generated.text, question, ...answerFacts(result, request.id, options) };
      });
    },
  );
}
