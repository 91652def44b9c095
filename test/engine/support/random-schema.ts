import fc from 'fast-check';

/** A JSON Schema as a value. */
type AnySchema = Record<string, unknown>;

const scalar = fc.oneof(
  fc.constantFrom('red', 'blue', '', 'a"b', 'c\\d', 'new\nline', 'é', '__proto__'),
  fc.integer({ min: -1000, max: 1000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }),
  fc.boolean(),
  fc.constant(null),
);
const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }), fc.dictionary(fc.constantFrom('a', 'b', 'c'), scalar, { maxKeys: 2 }));

const bound = fc.oneof(
  fc.integer({ min: -2000, max: 2000 }),
  fc.integer({ min: -5000, max: 5000 }).map((n) => n / 100),
  fc.integer(),
);
const numbers = fc
  .tuple(
    fc.constantFrom('number', 'integer'),
    fc.record({ minimum: bound, maximum: bound, exclusiveMinimum: bound, exclusiveMaximum: bound }, { requiredKeys: [] }),
  )
  .map(([type, bounds]): AnySchema => ({ type, ...bounds }));

const strings = fc.oneof(
  fc.record({ minLength: fc.nat(6), maxLength: fc.nat(12) }, { requiredKeys: [] }).map((rest): AnySchema => ({ type: 'string', ...rest })),
  fc.constantFrom('date', 'time', 'date-time', 'uuid').map((format): AnySchema => ({ type: 'string', format })),
  fc
    .constantFrom(
      '^[a-z]{2,5}$',
      '^(red|green|blue)$',
      'a.c',
      '^\\d{3}-\\d{4}$',
      '^[^"\\\\]+$',
      '^"?\\w*$',
      '^\\s\\S$',
      'x|^y$',
      '^(?:ab?){1,3}\\.$',
      '[\\u{1F600}-\\u{1F602}]',
    )
    .map((pattern): AnySchema => ({ type: 'string', pattern })),
);

const name = fc.constantFrom('a', 'ab', 'abc', 'b', 'x y', 'q"', 'é');

/** Schemas of every keyword that is made a grammar. References lead to `#/$defs/node`, which is recursive. */
const { schema } = fc.letrec<{ schema: AnySchema; object: AnySchema; property: AnySchema | boolean }>((tie) => ({
  property: fc.oneof({ weight: 9, arbitrary: tie('schema') }, { weight: 1, arbitrary: fc.boolean() }),
  object: fc
    .record(
      {
        properties: fc.dictionary(name, tie('property'), { maxKeys: 4 }),
        required: fc.uniqueArray(name, { maxLength: 3 }),
        additionalProperties: tie('property'),
      },
      { requiredKeys: [] },
    )
    .map((rest) => ({ type: 'object', ...rest })),
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ type: fc.constantFrom('null', 'boolean', 'string') }),
    numbers,
    strings,
    fc
      .uniqueArray(value, { minLength: 1, maxLength: 4, comparator: (a, b) => JSON.stringify(a) === JSON.stringify(b) })
      .map((list) => ({ enum: list })),
    value.map((only) => ({ const: only })),
    tie('object'),
    fc
      .record(
        {
          items: tie('property'),
          prefixItems: fc.array(tie('property'), { minLength: 1, maxLength: 3 }),
          minItems: fc.nat(4),
          maxItems: fc.nat(5),
        },
        { requiredKeys: [] },
      )
      .map((rest) => ({ type: 'array', ...rest })),
    fc.array(tie('property'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((oneOf) => ({ oneOf })),
    fc.array(tie('object'), { minLength: 1, maxLength: 3 }).map((allOf) => ({ allOf })),
    fc.tuple(tie('object'), fc.array(tie('object'), { minLength: 1, maxLength: 2 })).map(([own, anyOf]) => ({ ...own, anyOf })),
    fc.constant({ $ref: '#/$defs/node' }),
    fc.constant({ type: ['string', 'integer'], minLength: 2, maximum: 9 }),
    fc.constant({}),
  ),
}));

export const randomSchema: fc.Arbitrary<AnySchema> = schema.map((root) => ({
  ...root,
  $defs: {
    node: {
      type: 'object',
      properties: { value: { type: 'integer' }, next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
      required: ['value'],
      additionalProperties: false,
    },
  },
}));
