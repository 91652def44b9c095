import { EdgeVlmError } from '../core/errors.js';

/** A field of a request that is missing or wrong. */
export class InvalidField extends EdgeVlmError {
  constructor(
    /** As the client spelled it: `max_length`, `messages[0].content`. */
    readonly param: string,
    problem: string,
  ) {
    super('REQUEST_INVALID', `${param} ${problem}`);
  }
}
