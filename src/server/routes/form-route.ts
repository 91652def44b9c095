/** Options of a route that takes a form: its text fields are checked where they are read, so Fastify does not look at the body. */
export const FORM_ROUTE = { config: { inference: true }, validatorCompiler: () => () => true };
