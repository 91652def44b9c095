import type { FastifyReply, FastifyRequest } from 'fastify';
import { EdgeVlmError } from '../core/errors.js';
import type { Freshest } from '../serving/admission-queue.js';
import type { Caller } from '../serving/inference-service.js';
import { InvalidField } from './invalid-field.js';

const LONGEST_DEADLINE_MS = 3_600_000;
const SOURCE = /^[\w.-]{0,64}$/;

/** Who sent a request, until when, and whether they still wait. @throws REQUEST_INVALID for a deadline, a lane or a source that is none */
export function callerOf(request: FastifyRequest, reply: FastifyReply): Caller {
  const left = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) left.abort(new EdgeVlmError('CANCELLED', 'the client left'));
  });
  if (reply.raw.destroyed) left.abort(new EdgeVlmError('CANCELLED', 'the client left'));
  const client = request.access?.client ?? request.ip;
  const deadline_ms = deadlineOf(request);
  const freshest = freshestOf(request);
  return { client, signal: left.signal, ...(deadline_ms !== undefined && { deadline_ms }), ...(freshest && { freshest }) };
}

/** `X-Lane: freshest` and, where a client has several, which of its sources it is of. */
function freshestOf({ headers }: FastifyRequest): Freshest | undefined {
  const { 'x-lane': lane, 'x-source': source = '' } = headers;
  if (lane !== undefined && lane !== 'freshest') throw new InvalidField('X-Lane', 'must be freshest, or left out');
  if (lane === undefined) return undefined;
  if (typeof source !== 'string' || !SOURCE.test(source)) {
    throw new InvalidField('X-Source', 'must be at most 64 letters, digits, dots, dashes and underscores');
  }
  return { source };
}

function deadlineOf({ headers }: FastifyRequest): number | undefined {
  const header = headers['x-deadline-ms'];
  if (header === undefined) return undefined;
  const deadline_ms = typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : 0;
  if (deadline_ms < 1 || deadline_ms > LONGEST_DEADLINE_MS) {
    throw new InvalidField('X-Deadline-Ms', `must be a whole number from 1 to ${LONGEST_DEADLINE_MS}`);
  }
  return deadline_ms;
}
