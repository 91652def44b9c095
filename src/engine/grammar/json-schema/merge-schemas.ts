import { EdgeVlmError } from '../../../core/errors.js';
import { canonical, propertiesOf, requiredOf, schemaOf, schemasOf, validTypes, valuesOf } from './keywords.js';
import { type Schema, type SchemaDocument, type SchemaObject, Unsatisfiable } from './schema-document.js';

const LARGER: ReadonlySet<string> = new Set(['minimum', 'exclusiveMinimum', 'minLength', 'minItems']);
const SMALLER: ReadonlySet<string> = new Set(['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems']);

/**
 * One schema for what is valid under both, neither of which combines others.
 * @throws Unsatisfiable; SCHEMA_INVALID; SCHEMA_UNSUPPORTED for two patterns or formats
 */
export function mergeSchemas(a: SchemaObject, b: SchemaObject, document: SchemaDocument): SchemaObject {
  const merged: Record<string, unknown> = { ...a, ...b };
  const conflict = (keyword: string): boolean => keyword in a && keyword in b && canonical(a[keyword]) !== canonical(b[keyword]);
  const both = (keyword: string): SchemaObject => document.place({ allOf: [a[keyword], b[keyword]] }, b);

  for (const keyword of Object.keys(merged).filter(conflict)) {
    const [one, other] = [a[keyword], b[keyword]];
    if ((LARGER.has(keyword) || SMALLER.has(keyword)) && typeof one === 'number' && typeof other === 'number') {
      merged[keyword] = LARGER.has(keyword) ? Math.max(one, other) : Math.min(one, other);
    } else if (keyword === 'pattern' || keyword === 'format') {
      throw new EdgeVlmError('SCHEMA_UNSUPPORTED', `${document.pointer(b)}/${keyword}: two of them cannot be made one grammar`);
    }
  }
  if (conflict('type')) {
    const others = validTypes(b, document);
    const types = [...validTypes(a, document)].filter((type) => others.has(type));
    if (types.length === 0) throw new Unsatisfiable(document.pointer(b), 'it wants two types at once');
    merged['type'] = types;
  }
  const values = [valuesOf(a, document), valuesOf(b, document)] as const;
  if (values[0] !== undefined && values[1] !== undefined) {
    const known = new Set(values[1].map(canonical));
    delete merged['const'];
    merged['enum'] = values[0].filter((value) => known.has(canonical(value)));
  }
  if ('required' in merged) merged['required'] = [...new Set([...requiredOf(a, document), ...requiredOf(b, document)])];
  if ('properties' in a || 'properties' in b) {
    const [mine, theirs] = [propertiesOf(a, document), propertiesOf(b, document)];
    const names = new Set([...mine.keys(), ...theirs.keys()]);
    // A property of one schema only is an additional one of the other.
    const parts = (name: string): Schema[] =>
      [
        mine.get(name) ?? schemaOf(a, 'additionalProperties', document),
        theirs.get(name) ?? schemaOf(b, 'additionalProperties', document),
      ].filter((part) => part !== undefined);
    merged['properties'] = Object.fromEntries([...names].map((name) => [name, allOf(parts(name), b, document)]));
  }
  if (conflict('additionalProperties')) merged['additionalProperties'] = both('additionalProperties');
  if ('prefixItems' in a || 'prefixItems' in b) {
    const [mine, theirs] = [schemasOf(a, 'prefixItems', document) ?? [], schemasOf(b, 'prefixItems', document) ?? []];
    merged['prefixItems'] = Array.from({ length: Math.max(mine.length, theirs.length) }, (_, i) =>
      allOf([mine[i] ?? schemaOf(a, 'items', document) ?? true, theirs[i] ?? schemaOf(b, 'items', document) ?? true], b, document),
    );
  }
  if (conflict('items')) merged['items'] = both('items');
  return document.place(merged, b);
}

function allOf(parts: readonly Schema[], from: SchemaObject, document: SchemaDocument): Schema {
  const real = parts.filter((part, i) => part !== true && !parts.slice(0, i).some((earlier) => isSame(earlier, part)));
  const [only] = real;
  if (real.includes(false)) return false;
  return only === undefined ? true : real.length === 1 ? only : document.place({ allOf: real }, from);
}

/** Whether two schemas mean the same at a glance: recursive ones would be merged for ever. */
function isSame(a: Schema, b: Schema): boolean {
  if (a === b || typeof a === 'boolean' || typeof b === 'boolean') return a === b;
  return a.$ref !== undefined && a.$ref === b.$ref && Object.keys(a).length === 1 && Object.keys(b).length === 1;
}
