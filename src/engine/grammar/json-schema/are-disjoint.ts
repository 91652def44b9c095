import { canonical, propertiesOf, requiredOf, type Type, typeOf, validTypes, valuesOf, writtenTypes } from './keywords.js';
import type { Schema, SchemaDocument, SchemaObject } from './schema-document.js';

/** Takes a schema apart into alternatives; see `flattenSchema`. */
type Flatten = (schema: Schema) => SchemaObject[];

/**
 * Whether it is certain that nothing written for one schema is valid under the other: other types, other constants, or objects that
 * a required property tells apart.
 */
export function areDisjoint(a: SchemaObject, b: SchemaObject, document: SchemaDocument, flatten: Flatten): boolean {
  const values = [valuesOf(a, document), valuesOf(b, document)] as const;
  if (values[0] !== undefined && values[1] !== undefined) {
    const known = new Set(values[1].map(canonical));
    if (!values[0].some((value) => known.has(canonical(value)))) return true;
  }
  const shared = [...written(a, document)].filter((type) => valid(b, document).has(type));
  const mirrored = [...written(b, document)].filter((type) => valid(a, document).has(type));
  const types = new Set([...shared, ...mirrored]);
  if (types.size === 0) return true;
  if (types.size > 1 || !types.has('object')) return false;
  const [mine, theirs] = [propertiesOf(a, document), propertiesOf(b, document)];
  const alsoRequired = new Set(requiredOf(b, document));
  return requiredOf(a, document).some((name) => {
    const [one, other] = [mine.get(name), theirs.get(name)];
    if (other === undefined) return b.additionalProperties === false;
    return (
      alsoRequired.has(name) &&
      one !== undefined &&
      one !== false &&
      other !== false &&
      propertiesDiffer(flatten(one), flatten(other), document)
    );
  });
}

/** Constants only: deeper comparisons would follow recursive schemas. */
function propertiesDiffer(one: readonly SchemaObject[], other: readonly SchemaObject[], document: SchemaDocument): boolean {
  return one.every((a) => other.every((b) => constantsDiffer(a, b, document)));
}

function constantsDiffer(a: SchemaObject, b: SchemaObject, document: SchemaDocument): boolean {
  const values = [valuesOf(a, document), valuesOf(b, document)] as const;
  if (values[0] === undefined || values[1] === undefined) return [...valid(a, document)].every((type) => !valid(b, document).has(type));
  const known = new Set(values[1].map(canonical));
  return !values[0].some((value) => known.has(canonical(value)));
}

function valid(schema: SchemaObject, document: SchemaDocument): Set<Type> {
  return withNumbers(ofValues(schema, document) ?? validTypes(schema, document));
}

function written(schema: SchemaObject, document: SchemaDocument): Set<Type> {
  return withNumbers(ofValues(schema, document) ?? writtenTypes(schema, document));
}

function ofValues(schema: SchemaObject, document: SchemaDocument): Set<Type> | undefined {
  const values = valuesOf(schema, document);
  return values && new Set(values.map(typeOf));
}

/** A number may happen to be whole. */
function withNumbers(types: ReadonlySet<Type>): Set<Type> {
  return new Set([...types].flatMap((type): Type[] => (type === 'number' ? ['number', 'integer'] : [type])));
}
