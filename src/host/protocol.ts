import type { ErrorRecord } from '../core/errors.js';

/** One kind of request: what is sent, what streams back while it runs, and how it ends. All must survive a structured clone. */
export interface Exchange {
  readonly request: unknown;
  readonly event: unknown;
  readonly result: unknown;
}

/** Request types by name, declared once and shared by both processes: `interface MyProtocol { add: { request: …; event: never; result: number } }`. */
export type Protocol<P> = { readonly [K in keyof P]: Exchange };

/** From the parent to the child. */
export type ParentMessage =
  | { readonly kind: 'request'; readonly id: number; readonly type: string; readonly payload: unknown }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'stop' };

/** From the child to the parent. */
export type ChildMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'event'; readonly id: number; readonly event: unknown }
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: ErrorLike };

/** An ErrorRecord whose code may come from another version. */
type ErrorLike = Omit<ErrorRecord, 'code'> & { readonly code: string };

/** Checks the shape of what arrived in the child; undefined when it is no message of ours. */
export function parseParentMessage(value: unknown): ParentMessage | undefined {
  if (!isRecord(value)) return undefined;
  const { kind, id, type } = value;
  if (kind === 'stop') return { kind };
  if (!isId(id)) return undefined;
  if (kind === 'cancel') return { kind, id };
  return kind === 'request' && typeof type === 'string' ? { kind, id, type, payload: value['payload'] } : undefined;
}

/** Checks the shape of what arrived in the parent; undefined when it is no message of ours. */
export function parseChildMessage(value: unknown): ChildMessage | undefined {
  if (!isRecord(value)) return undefined;
  const { kind, id, error } = value;
  if (kind === 'ready') return { kind };
  if (!isId(id)) return undefined;
  if (kind === 'event') return { kind, id, event: value['event'] };
  if (kind === 'result') return { kind, id, result: value['result'] };
  return kind === 'error' && isErrorLike(error) ? { kind, id, error } : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isErrorLike(value: unknown): value is ErrorLike {
  return isRecord(value) && ['code', 'message', 'hint'].every((name) => typeof value[name] === 'string');
}
