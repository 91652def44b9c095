import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Access } from '../keys/key-ring.js';
import type { Scope } from '../keys/scope.js';
import type { App, ServerOptions } from '../server-options.js';

/** `open`: what a supervisor or load balancer asks, which tells nothing. `any`: whoever has a key. */
type RouteScope = Scope | 'open' | 'any';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may use the route. Absent: `infer` for what runs the model and under /v1/, `any` to read others, `admin` to do anything else. */
    readonly scope?: RouteScope;
  }
  interface FastifyRequest {
    /** What the key of this request is good for; null without one that is known. */
    access: Access | null;
  }
}

/** Finds out whose request it is. To be added before what counts requests, and that before `authorise`. */
export function identify(app: App, { keys }: Pick<ServerOptions, 'keys'>): void {
  app.decorateRequest('access', null);
  app.addHook('onRequest', async (request) => {
    await keys.refresh();
    const key = presentedKey(request);
    if (key !== undefined && keys.areAsked) request.access = keys.find(key) ?? null;
  });
}

/**
 * Lets in who has a key that is good for the route, where keys are asked for. Where none are, what changes the server is for programs of
 * this machine.
 */
export function authorise(app: App, { keys }: Pick<ServerOptions, 'keys'>): void {
  app.addHook('onRequest', (request, _reply, done) => {
    done(refusal(request, keys.areAsked));
  });
}

/** The scope that a request's route asks for. */
export function scopeOf({ method, routeOptions: { url, config } }: Pick<FastifyRequest, 'method' | 'routeOptions'>): RouteScope {
  if (method === 'OPTIONS') return 'open';
  if (config.scope !== undefined) return config.scope;
  if (config.inference === true || url?.startsWith('/v1/') === true) return 'infer';
  // A path that is no route gets a 404.
  return url === undefined || method === 'GET' || method === 'HEAD' ? 'any' : 'admin';
}

function refusal(request: FastifyRequest, areAsked: boolean): EdgeVlmError | undefined {
  const scope = scopeOf(request);
  if (scope === 'open') return undefined;
  if (!areAsked) {
    if (scope !== 'admin' || isOfThisMachine(request)) return undefined;
    return new EdgeVlmError('FORBIDDEN', 'only programs of this machine may do this, since no API key is asked for', {
      hint: 'Make a key on the machine of the server: edgevlm keys create --scope admin.',
    });
  }
  const { access } = request;
  if (access === null) {
    const problem = presentedKey(request) === undefined ? 'this server asks for an API key' : 'the API key is not one of this server';
    return new EdgeVlmError('UNAUTHORIZED', problem);
  }
  if (scope === 'any' || access.scopes.has(scope) || access.scopes.has('admin')) return undefined;
  return new EdgeVlmError('FORBIDDEN', `the API key was not made for this: it lacks the scope ${scope}`);
}

/** What a reverse proxy passes on comes from loopback, too, and from anywhere before. */
function isOfThisMachine({ ip, headers }: FastifyRequest): boolean {
  if (headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined) return false;
  return ipaddr.isValid(ip) && ipaddr.process(ip).range() === 'loopback';
}

/** The key that a request carries: OpenAI's header, or the one of others. */
function presentedKey({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const header = headers['x-api-key'];
  return bearer ?? (typeof header === 'string' && header !== '' ? header : undefined);
}
