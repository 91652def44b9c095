import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EdgeVlmError } from '../core/errors.js';
import type { Caller } from '../serving/inference-service.js';
import { InvalidField } from './invalid-field.js';
import { presentedKey } from './plugins/authentication.js';

const LONGEST_DEADLINE_MS = 3_600_000;

/** Who sent a request, until when, and whether they still wait. @throws REQUEST_INVALID for a deadline that is none */
export function callerOf(request: FastifyRequest, reply: FastifyReply): Caller {
  const left = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) left.abort(new EdgeVlmError('CANCELLED', 'the client left'));
  });
  if (reply.raw.destroyed) left.abort(new EdgeVlmError('CANCELLED', 'the client left'));
  const key = presentedKey(request);
  const client = key === undefined ? request.ip : createHash('sha256').update(key).digest('hex');
  const deadline_ms = deadlineOf(request);
  return { client, signal: left.signal, ...(deadline_ms !== undefined && { deadline_ms }) };
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
