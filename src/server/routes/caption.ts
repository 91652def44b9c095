import { Type } from 'typebox';
import { answerFacts } from '../answer-facts.js';
import { callerOf } from '../caller-of.js';
import { CAPTION_PROMPT } from '../default-prompts.js';
import { formRequest } from '../intake/form-generation.js';
import { readForm } from '../intake/read-form.js';
import { ANSWER_FACTS } from '../schemas/answer-schema.js';
import { INFERENCE_ERRORS } from '../schemas/error-schema.js';
import { GENERATION_FIELDS, GENERATION_SCHEMAS, ImageField } from '../schemas/form-fields.js';
import type { App, ServerOptions } from '../server-options.js';
import { FORM_ROUTE } from './form-route.js';

const Body = Type.Object({
  image: ImageField,
  prompt: Type.Optional(Type.String({ description: `What to ask for. Default: ${CAPTION_PROMPT}` })),
  ...GENERATION_SCHEMAS,
});
const Answer = Type.Object({ caption: Type.String(), ...ANSWER_FACTS }, { description: 'The caption.' });

/** `POST /caption` */
export function captionRoute(app: App, options: ServerOptions): void {
  const { service, limits, idempotency } = options;
  app.post(
    '/caption',
    {
      ...FORM_ROUTE,
      schema: {
        summary: 'Describe a picture',
        operationId: 'caption',
        tags: ['Pictures'],
        consumes: ['multipart/form-data'],
        body: Body,
        response: { 200: Answer, ...INFERENCE_ERRORS },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request, reply);
      const form = await readForm(request, ['prompt', ...GENERATION_FIELDS], limits);
      const prompt = form.fields.get('prompt')?.trim() ?? '';
      const asked = formRequest(form, prompt === '' ? CAPTION_PROMPT : prompt, limits);
      return idempotency.once(request, caller.client, asked, async () => {
        const result = await service.answer(asked, caller);
        return { caption: result.generated.text, ...answerFacts(result, request.id, options) };
      });
    },
  );
}
