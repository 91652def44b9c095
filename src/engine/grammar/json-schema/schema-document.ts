import { EdgeVlmError } from '../../../core/errors.js';

/** A schema: keywords, or `true` for anything and `false` for nothing. */
export type Schema = boolean | SchemaObject;
/** Its keywords come from outside: each is checked where it is read. */
export interface SchemaObject {
  readonly [keyword: string]: unknown;
  readonly $ref?: unknown;
  readonly type?: unknown;
  readonly enum?: unknown;
  readonly const?: unknown;
  readonly items?: unknown;
  readonly properties?: unknown;
  readonly additionalProperties?: unknown;
}

/** Objects and lists in a schema, and how deep they lie. */
const MAX_NODES = 20_000;
const MAX_DEPTH = 100;

/** Whether nothing can be valid; an alternative that is so is left out. */
export class Unsatisfiable extends EdgeVlmError {
  constructor(pointer: string, reason: string) {
    super('SCHEMA_INVALID', `nothing can be valid at ${pointer}: ${reason}`);
  }
}

/** A whole schema: knows where each part of it stands, so that messages can say so, and what references mean. */
export class SchemaDocument {
  readonly #pointers = new Map<object, string>();

  /** @throws SCHEMA_INVALID, GRAMMAR_LIMIT */
  constructor(private readonly root: unknown) {
    this.#walk(root, '#', 0);
  }

  /** The schema at a place of the document. @throws SCHEMA_INVALID when something else stands there */
  schema(value: unknown, pointer: string): Schema {
    if (typeof value === 'boolean') return value;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as SchemaObject;
    throw new EdgeVlmError('SCHEMA_INVALID', `${pointer} must be a schema: an object, true or false`);
  }

  /** Where a schema stands, as a JSON pointer. */
  pointer(schema: Schema): string {
    return typeof schema === 'boolean' ? `${schema}` : (this.#pointers.get(schema) ?? '#');
  }

  /** Gives a schema that was made from another one its place. */
  place<T extends SchemaObject>(made: T, from: Schema): T {
    this.#pointers.set(made, this.pointer(from));
    return made;
  }

  /** What a `$ref` means. @throws SCHEMA_INVALID, SCHEMA_UNSUPPORTED for one into another document */
  resolve(reference: unknown, pointer: string): Schema {
    if (typeof reference !== 'string') throw new EdgeVlmError('SCHEMA_INVALID', `${pointer} must be a string`);
    if (reference !== '#' && !reference.startsWith('#/')) {
      throw new EdgeVlmError('SCHEMA_UNSUPPORTED', `${pointer}: only references such as #/$defs/name are followed, not ${reference}`);
    }
    let target: unknown = this.root;
    for (const part of reference.split('/').slice(1)) {
      const name = unescapePointer(part);
      target = typeof target === 'object' && target !== null && Object.hasOwn(target, name) ? (target as SchemaObject)[name] : undefined;
    }
    if (target === undefined) throw new EdgeVlmError('SCHEMA_INVALID', `${pointer}: there is nothing at ${reference}`);
    return this.schema(target, reference);
  }

  #walk(value: unknown, pointer: string, depth: number): void {
    if (typeof value !== 'object' || value === null) return;
    if (depth > MAX_DEPTH) throw new EdgeVlmError('GRAMMAR_LIMIT', `the schema is nested more than ${MAX_DEPTH} deep`);
    if (this.#pointers.size >= MAX_NODES) throw new EdgeVlmError('GRAMMAR_LIMIT', `the schema has more than ${MAX_NODES} parts`);
    this.#pointers.set(value, pointer);
    for (const [name, inner] of Object.entries(value)) {
      this.#walk(inner, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, depth + 1);
    }
  }
}

/** RFC 6901, §6: percent-decoded first. */
function unescapePointer(part: string): string {
  let decoded = part;
  try {
    decoded = decodeURIComponent(part);
  } catch {
    // Not percent-encoded: taken as it stands.
  }
  return decoded.replaceAll('~1', '/').replaceAll('~0', '~');
}
