import type { SwaggerTransformObject } from '@fastify/swagger';

type Document = ReturnType<SwaggerTransformObject>;

const JSON_TYPE = 'application/json';
const EVENTS_TYPE = 'text/event-stream';
/** OpenAPI 3.1 describes a body, not the events of a stream. */
const EVENTS = { description: 'Server-sent events; the data of each is a JSON object, of the last one of OpenAI’s streams [DONE].' };

/**
 * Says which of a route's media types have which schema: `produces` gives all of a route's answers every type with the schema of the
 * JSON one. Errors are JSON always; a stream's events are no answers of their own; and text is text.
 */
export const describeMediaTypes: SwaggerTransformObject = (document): Document => {
  if (!('openapiObject' in document)) return document.swaggerObject;
  const { openapiObject } = document;
  const operations = Object.values(openapiObject.paths ?? {}).flatMap((path) => [path?.get, path?.post]);
  for (const operation of operations) {
    for (const [status, response] of Object.entries(operation?.responses ?? {})) {
      if (!('content' in response)) continue;
      const { content } = response;
      const body = Object.values(content)[0];
      if (body === undefined) continue;
      if (Number(status) >= 400) response.content = { [JSON_TYPE]: body };
      else if (EVENTS_TYPE in content) response.content = { ...content, [EVENTS_TYPE]: { schema: EVENTS } };
      else if ('text/plain' in content) response.content = { ...content, 'text/plain': { schema: { type: 'string' } } };
    }
  }
  return openapiObject;
};
