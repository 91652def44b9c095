import { type Static, Type } from 'typebox';

/** What every failure looks like; added to the app once. */
export const ErrorSchema = Type.Object(
  {
    error: Type.Object({
      code: Type.String({ description: 'Stable; docs/SERVER.md lists them.' }),
      message: Type.String(),
      hint: Type.String({ description: 'What to do next.' }),
      type: Type.Optional(Type.String({ description: 'OpenAI-compatible routes only.' })),
      param: Type.Optional(Type.Union([Type.String(), Type.Null()], { description: 'OpenAI-compatible routes only.' })),
    }),
  },
  { $id: 'Error', description: 'The request failed.' },
);

/** The same by reference, so that the description of the server says it once. */
export const ErrorAnswer = Type.Unsafe<Static<typeof ErrorSchema>>({ $ref: 'Error#', description: 'The request failed.' });

/** The failures that any route which runs the model may have. */
export const INFERENCE_ERRORS = {
  400: ErrorAnswer,
  401: ErrorAnswer,
  403: ErrorAnswer,
  404: ErrorAnswer,
  406: ErrorAnswer,
  413: ErrorAnswer,
  415: ErrorAnswer,
  422: ErrorAnswer,
  429: ErrorAnswer,
  500: ErrorAnswer,
  502: ErrorAnswer,
  503: ErrorAnswer,
  504: ErrorAnswer,
} as const;

/** Of any other route. */
export const PLAIN_ERRORS = { 400: ErrorAnswer, 401: ErrorAnswer, 403: ErrorAnswer, 429: ErrorAnswer, 500: ErrorAnswer } as const;
