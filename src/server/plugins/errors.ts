import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { EdgeVlmError } from '../../core/errors.js';
import { errorBody, openAiErrorBody } from '../error-body.js';
import { httpStatus } from '../http-status.js';
import { InvalidField } from '../invalid-field.js';
import type { App, ServerOptions } from '../server-options.js';

/** Seconds after which an engine that died should be back. */
const RESTART_S = 1;

/** Every failure is an answer with a code, a message and a hint. */
export function answerErrors(app: App, { service, logger }: Pick<ServerOptions, 'service' | 'logger'>): void {
  const send = (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const { error, status } = asHttpError(thrown);
    if (status >= 500) logger.error('request failed', { id: request.id, route: request.routeOptions.url, error, cause: error.cause });
    if (error.code === 'QUEUE_FULL') void reply.header('retry-after', service.queue.retryAfter_s);
    else if (status === 503) void reply.header('retry-after', RESTART_S);
    if (error.code === 'UNAUTHORIZED') void reply.header('www-authenticate', 'Bearer');
    void reply
      .status(status)
      .header('x-error-code', error.code)
      .send(request.url.startsWith('/v1/') ? openAiErrorBody(error) : errorBody(error));
  };
  app.setErrorHandler((thrown, request, reply) => {
    send(thrown, request, reply);
  });
  app.setNotFoundHandler((request, reply) => {
    send(new EdgeVlmError('ROUTE_UNKNOWN', `${request.method} ${request.url.split('?')[0] ?? ''} is not answered here`), request, reply);
  });
}

function asHttpError(thrown: unknown): { readonly error: EdgeVlmError; readonly status: number } {
  if (thrown instanceof EdgeVlmError) return { error: thrown, status: httpStatus(thrown.code) };
  if (!isFastifyError(thrown)) return { error: EdgeVlmError.from(thrown), status: 500 };
  const { statusCode = 500, validation } = thrown;
  if (validation !== undefined) return { error: invalidField(thrown), status: 400 };
  if (thrown.code === 'FST_REQ_FILE_TOO_LARGE') {
    return { error: new EdgeVlmError('IMAGE_TOO_LARGE', 'the picture is larger than this server takes', { cause: thrown }), status: 413 };
  }
  if (statusCode === 413) return { error: new EdgeVlmError('REQUEST_TOO_LARGE', thrown.message, { cause: thrown }), status: 413 };
  if (statusCode < 500) return { error: new EdgeVlmError('REQUEST_INVALID', thrown.message, { cause: thrown }), status: statusCode };
  return { error: EdgeVlmError.from(thrown), status: 500 };
}

function isFastifyError(thrown: unknown): thrown is FastifyError {
  return thrown instanceof Error && ('statusCode' in thrown || 'validation' in thrown);
}

/** `/messages/0/content` becomes `messages[0].content`. */
function invalidField({ validation, message }: FastifyError): EdgeVlmError {
  const [first] = validation ?? [];
  if (first === undefined) return new EdgeVlmError('REQUEST_INVALID', message);
  const missing = first.params['missingProperty'];
  const path = [...first.instancePath.split('/').slice(1), ...(typeof missing === 'string' ? [missing] : [])];
  const param = path.map((key, index) => (/^\d+$/.test(key) ? `[${key}]` : index === 0 ? key : `.${key}`)).join('');
  return new InvalidField(param === '' ? 'the body' : param, typeof missing === 'string' ? 'is missing' : (first.message ?? 'is wrong'));
}
