import { EdgeVlmError } from '../../../core/errors.js';
import { areDisjoint } from './are-disjoint.js';
import { COMBINING, restrictions, schemasOf } from './keywords.js';
import { mergeSchemas } from './merge-schemas.js';
import { type Schema, type SchemaDocument, type SchemaObject, Unsatisfiable } from './schema-document.js';

const MAX_ALTERNATIVES = 200;

/**
 * Alternatives that together are valid for what the schema is valid for, without `$ref`, `allOf`, `anyOf` and `oneOf` at their top.
 * @throws Unsatisfiable when there are none; SCHEMA_INVALID; SCHEMA_UNSUPPORTED; GRAMMAR_LIMIT
 */
export function flattenSchema(schema: Schema, document: SchemaDocument, following: ReadonlySet<object> = new Set()): SchemaObject[] {
  if (schema === true) return [{}];
  if (schema === false) throw new Unsatisfiable('a schema', 'it is false');
  const pointer = document.pointer(schema);
  if (following.has(schema)) throw new EdgeVlmError('SCHEMA_INVALID', `${pointer} is defined by itself`);
  const inner = new Set(following).add(schema);
  const { $ref } = schema;
  const own = Object.fromEntries(
    restrictions(schema, document).flatMap((keyword) => (COMBINING.has(keyword) ? [] : [[keyword, schema[keyword]]])),
  );

  let alternatives: SchemaObject[] = [document.place(own, schema)];
  const narrow = (options: readonly SchemaObject[]): void => {
    alternatives = satisfiable(
      alternatives.flatMap((one) => options.map((other) => (): SchemaObject => mergeSchemas(one, other, document))),
      pointer,
    );
    if (alternatives.length > MAX_ALTERNATIVES) {
      throw new EdgeVlmError('GRAMMAR_LIMIT', `${pointer} has more than ${MAX_ALTERNATIVES} alternatives`);
    }
  };
  const flatten = (part: Schema): SchemaObject[] => flattenSchema(part, document, inner);
  if ($ref !== undefined) narrow(flatten(document.resolve($ref, `${pointer}/$ref`)));
  for (const part of schemasOf(schema, 'allOf', document) ?? []) narrow(flatten(part));
  const any = schemasOf(schema, 'anyOf', document);
  if (any !== undefined)
    narrow(
      satisfiable(
        any.map((part) => () => flatten(part)),
        pointer,
      ).flat(),
    );
  const one = schemasOf(schema, 'oneOf', document);
  if (one !== undefined) {
    checkOneOf(one, pointer, document, inner);
    narrow(
      satisfiable(
        one.map((part) => () => flatten(part)),
        pointer,
      ).flat(),
    );
  }
  return alternatives;
}

/** A grammar cannot forbid what two alternatives both allow, so they must not. @throws SCHEMA_UNSUPPORTED */
export function checkOneOf(options: readonly Schema[], pointer: string, document: SchemaDocument, following?: ReadonlySet<object>): void {
  const flatten = (schema: Schema): SchemaObject[] => flattenSchema(schema, document, following);
  const flat = options.map((option) => (option === false ? [] : flatten(option)));
  flat.forEach((mine, i) => {
    const j = flat.findIndex((theirs, other) => other > i && !mine.every((a) => theirs.every((b) => areDisjoint(a, b, document, flatten))));
    if (j < 0) return;
    throw new EdgeVlmError(
      'SCHEMA_UNSUPPORTED',
      `${pointer}/oneOf: the alternatives ${i} and ${j} may both be valid; use anyOf, or give both a required property with different constants`,
    );
  });
}

/** What can be made, without the parts of which nothing is valid. @throws Unsatisfiable when none is left */
export function satisfiable<T>(makers: readonly (() => T)[], pointer: string): T[] {
  const [only] = makers;
  if (makers.length === 1 && only !== undefined) return [only()];
  const made = makers.flatMap((make) => {
    try {
      return [make()];
    } catch (thrown) {
      if (thrown instanceof Unsatisfiable) return [];
      throw thrown;
    }
  });
  if (made.length === 0) throw new Unsatisfiable(pointer, 'every alternative contradicts the rest');
  return made;
}
