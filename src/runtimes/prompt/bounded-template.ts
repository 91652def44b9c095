import { Environment, Interpreter, Template } from '@huggingface/jinja';

/** What all strings and lists that one rendering makes may hold together, characters and elements. */
const MAX_MADE = 64 * 1024 * 1024;
const MAX_RANGE = 100_000;
/** Kinds of node that make a string, a list or a mapping; the others hand on what there is. */
const MAKERS: ReadonlySet<string> = new Set([
  ...['BinaryExpression', 'CallExpression', 'FilterExpression', 'FilterStatement', 'For', 'If', 'Set', 'MemberExpression'],
  ...['ArrayLiteral', 'TupleLiteral', 'ObjectLiteral', 'CallStatement', 'SelectExpression'],
]);

/** What the package's own declarations say; they name their modules without an extension, where TypeScript does not find them. */
interface JinjaNode {
  readonly type: string;
}
interface JinjaValue {
  readonly value: unknown;
}
interface JinjaEnvironment {
  set(name: string, value: unknown): JinjaValue;
}
interface JinjaInterpreter {
  run(program: unknown): JinjaValue;
  evaluate(node: JinjaNode | undefined, environment: JinjaEnvironment): JinjaValue;
}
const JinjaInterpreter = Interpreter as unknown as new (environment: JinjaEnvironment) => JinjaInterpreter;
const JinjaEnvironment = Environment as unknown as new () => JinjaEnvironment;

/** A Jinja template that comes from a stranger: it fails where it would fill the memory. Time is the caller's to bound. */
export class BoundedTemplate {
  readonly #program: unknown;

  constructor(source: string) {
    this.#program = new Template(source).parsed;
  }

  /** @throws whatever the template fails with */
  render(variables: Readonly<Record<string, unknown>>): string {
    const environment = new JinjaEnvironment();
    for (const [name, value] of Object.entries({ ...GLOBALS, ...variables })) environment.set(name, value);
    return String(new BoundedInterpreter(environment).run(this.#program).value);
  }
}

/** Those of @huggingface/jinja's `Template`. */
const GLOBALS: Readonly<Record<string, unknown>> = {
  ...{ false: false, true: true, none: null, False: false, True: true, None: null },
  raise_exception: (message: unknown): never => {
    throw new Error(String(message));
  },
  range: boundedRange,
  strftime_now: (format: string): string => new Template('{{ strftime_now(format) }}').render({ format }),
};

class BoundedInterpreter extends JinjaInterpreter {
  #made = 0;

  override evaluate(node: JinjaNode | undefined, environment: JinjaEnvironment): JinjaValue {
    const value = super.evaluate(node, environment);
    if (node !== undefined && MAKERS.has(node.type)) {
      this.#made += sizeOf(value.value);
      if (this.#made > MAX_MADE) throw new RangeError(`it makes more than ${MAX_MADE} characters`);
    }
    return value;
  }
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return value instanceof Map ? value.size : 0;
}

/** Python's. */
function boundedRange(...[start, end, step = 1]: [number, number?, number?]): number[] {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!(count <= MAX_RANGE)) throw new RangeError(`range() of ${count} numbers`);
  return Array.from({ length: count }, (_, i) => from + i * step);
}
