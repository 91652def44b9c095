import { EdgeVlmError } from '../../../core/errors.js';
import type { Schema, SchemaDocument, SchemaObject } from './schema-document.js';

/** Types of JSON Schema; `integer` is part of `number`. */
export const TYPES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'] as const;
export type Type = (typeof TYPES)[number];

/** Keywords that only say something. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
  'example',
  'deprecated',
  'readOnly',
  'writeOnly',
]);
/** Keywords that need no type, with what they mean for those they apply to. */
export const COMBINING: ReadonlySet<string> = new Set(['$ref', 'allOf', 'anyOf', 'oneOf']);
const OF_TYPE: ReadonlyMap<string, Type> = new Map<string, Type>(
  Object.entries({
    properties: 'object',
    required: 'object',
    additionalProperties: 'object',
    items: 'array',
    prefixItems: 'array',
    minItems: 'array',
    maxItems: 'array',
    minLength: 'string',
    maxLength: 'string',
    pattern: 'string',
    format: 'string',
    minimum: 'number',
    maximum: 'number',
    exclusiveMinimum: 'number',
    exclusiveMaximum: 'number',
  }),
);

/** Keywords that restrict what is valid. @throws SCHEMA_UNSUPPORTED for one that is not known, SCHEMA_INVALID */
export function restrictions(schema: SchemaObject, document: SchemaDocument): string[] {
  return Object.keys(schema).filter((keyword) => {
    if (ANNOTATIONS.has(keyword)) return false;
    if (COMBINING.has(keyword) || OF_TYPE.has(keyword) || ['type', 'enum', 'const'].includes(keyword)) return true;
    throw new EdgeVlmError('SCHEMA_UNSUPPORTED', `${document.pointer(schema)}/${keyword}: the keyword ${keyword} cannot be made a grammar`);
  });
}

/** Types that a schema lets pass. @throws SCHEMA_INVALID */
export function validTypes(schema: SchemaObject, document: SchemaDocument): Set<Type> {
  const { type } = schema;
  if (type === undefined) return new Set(TYPES);
  const names: unknown[] = Array.isArray(type) ? type : [type];
  const types = names.map((name) => TYPES.find((known) => known === name));
  if (types.length === 0 || types.includes(undefined)) {
    throw new EdgeVlmError('SCHEMA_INVALID', `${document.pointer(schema)}/type must be one or more of ${TYPES.join(', ')}`);
  }
  const valid = new Set(types.filter((name) => name !== undefined));
  if (valid.has('number')) valid.add('integer');
  return valid;
}

/** Types to write: without `type`, those that the other keywords are about. @throws as `validTypes` */
export function writtenTypes(schema: SchemaObject, document: SchemaDocument): Set<Type> {
  if (schema.type !== undefined) return validTypes(schema, document);
  const meant = new Set(Object.keys(schema).flatMap((keyword) => OF_TYPE.get(keyword) ?? []));
  return meant.size > 0 ? meant : new Set(TYPES);
}

/** A keyword's whole number from 0. @throws SCHEMA_INVALID */
export function countOf(schema: SchemaObject, keyword: string, absent: number, document: SchemaDocument): number {
  const value = schema[keyword];
  if (value === undefined) return absent;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new EdgeVlmError('SCHEMA_INVALID', `${document.pointer(schema)}/${keyword} must be a whole number from 0`);
}

/** A keyword's number. @throws SCHEMA_INVALID */
export function numberOf(schema: SchemaObject, keyword: string, document: SchemaDocument): number | undefined {
  const value = schema[keyword];
  if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value;
  throw new EdgeVlmError('SCHEMA_INVALID', `${document.pointer(schema)}/${keyword} must be a number`);
}

/** A keyword's text. @throws SCHEMA_INVALID */
export function textOf(schema: SchemaObject, keyword: string, document: SchemaDocument): string | undefined {
  const value = schema[keyword];
  if (value === undefined || typeof value === 'string') return value;
  throw new EdgeVlmError('SCHEMA_INVALID', `${document.pointer(schema)}/${keyword} must be a string`);
}

/** A keyword's list. @throws SCHEMA_INVALID */
function listOf(schema: SchemaObject, keyword: string, document: SchemaDocument): readonly unknown[] | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value as unknown[];
  throw new EdgeVlmError('SCHEMA_INVALID', `${document.pointer(schema)}/${keyword} must be a list`);
}

/** A keyword's list of schemas. @throws SCHEMA_INVALID */
export function schemasOf(schema: SchemaObject, keyword: string, document: SchemaDocument): Schema[] | undefined {
  return listOf(schema, keyword, document)?.map((value, i) => document.schema(value, `${document.pointer(schema)}/${keyword}/${i}`));
}

/** A keyword's schema. @throws SCHEMA_INVALID */
export function schemaOf(schema: SchemaObject, keyword: string, document: SchemaDocument): Schema | undefined {
  const value = schema[keyword];
  return value === undefined ? undefined : document.schema(value, `${document.pointer(schema)}/${keyword}`);
}

/** Schemas by property. @throws SCHEMA_INVALID */
export function propertiesOf(schema: SchemaObject, document: SchemaDocument): Map<string, Schema> {
  const { properties = {} } = schema;
  const pointer = `${document.pointer(schema)}/properties`;
  const named = document.schema(properties, pointer);
  if (typeof named === 'boolean') throw new EdgeVlmError('SCHEMA_INVALID', `${pointer} must be an object`);
  return new Map(Object.entries(named).map(([name, value]) => [name, document.schema(value, `${pointer}/${name}`)]));
}

/** Names of properties that must be there. @throws SCHEMA_INVALID */
export function requiredOf(schema: SchemaObject, document: SchemaDocument): string[] {
  return (listOf(schema, 'required', document) ?? []).map((name) => {
    if (typeof name === 'string') return name;
    throw new EdgeVlmError('SCHEMA_INVALID', `${document.pointer(schema)}/required must be a list of strings`);
  });
}

/** The only values that are valid; undefined when there is no such list. @throws SCHEMA_INVALID */
export function valuesOf(schema: SchemaObject, document: SchemaDocument): readonly unknown[] | undefined {
  const values = listOf(schema, 'enum', document);
  if (!('const' in schema)) return values;
  const only = canonical(schema.const);
  return values === undefined || values.some((value) => canonical(value) === only) ? [schema.const] : [];
}

/** A JSON value as text that is equal for equal values. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** The narrowest type of a JSON value. */
export function typeOf(value: unknown): Type {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value === 'boolean' || typeof value === 'string' ? (typeof value as 'boolean' | 'string') : 'object';
}
