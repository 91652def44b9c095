import { type EdgeVlmError, type ErrorRecord } from '../core/errors.js';
import { httpStatus } from './http-status.js';
import { InvalidField } from './invalid-field.js';

/** What OpenAI's clients read beside the message. */
interface OpenAiErrorRecord extends ErrorRecord {
  readonly type: string;
  readonly param: string | null;
}

/** `{error}` as a client gets it. Where the fault is ours its words stay in the log: they may tell of files and memory. */
export function errorBody(error: EdgeVlmError): { readonly error: ErrorRecord } {
  const { code, message, hint } = error.toJSON();
  return { error: { code, message: code === 'INTERNAL' ? 'an unexpected error' : message, hint } };
}

/** The same for the OpenAI-compatible routes. */
export function openAiErrorBody(error: EdgeVlmError): { readonly error: OpenAiErrorRecord } {
  const param = error instanceof InvalidField ? error.param : null;
  return { error: { ...errorBody(error).error, type: openAiType(httpStatus(error.code)), param } };
}

function openAiType(status: number): string {
  switch (status) {
    case 401:
      return 'authentication_error';
    case 403:
      return 'permission_error';
    case 429:
      return 'rate_limit_error';
    default:
      return status >= 500 ? 'server_error' : 'invalid_request_error';
  }
}
