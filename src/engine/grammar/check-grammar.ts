import { EdgeVlmError } from '../../core/errors.js';
import { type Expression, type GbnfRules, ROOT } from './gbnf.js';

/** Elements after repetitions are written out, as libllama does: 8 bytes each, in three copies. */
const MAX_ELEMENTS = 200_000;
/** Ways to the first character of a rule: libllama keeps a stack for each. */
const MAX_STARTS = 10_000;
/** Rules that begin with each other: libllama and this check follow them by recursion. */
const MAX_DEPTH = 1000;

/** What libllama would meet where an expression begins. */
interface Start {
  /** Whether it matches the empty text. */
  readonly empty: boolean;
  /** Ways to a first character. */
  readonly ways: number;
}

/**
 * Refuses grammars that libllama would choke on: undefined rules, left recursion (it looks for it too, but not behind rules that may
 * be empty, and then never ends), sizes that take minutes or gigabytes, and rules that no text can end.
 * @throws GRAMMAR_INVALID, GRAMMAR_LIMIT
 */
export function checkGrammar(rules: GbnfRules): void {
  if (!rules.has(ROOT)) throw new EdgeVlmError('GRAMMAR_INVALID', `the grammar has no rule ${ROOT}`);
  let elements = 0;
  const usedBy = new Map<string, Set<string>>();
  for (const [name, expression] of rules) {
    elements += writtenOut(expression, (used) => {
      if (!rules.has(used)) throw new EdgeVlmError('GRAMMAR_INVALID', `the rule ${used}, used in ${name}, is not defined`);
      usedBy.set(used, (usedBy.get(used) ?? new Set()).add(name));
    });
  }
  if (elements > MAX_ELEMENTS) {
    throw new EdgeVlmError('GRAMMAR_LIMIT', `the grammar has ${elements} elements with its repetitions; at most ${MAX_ELEMENTS}`);
  }
  const empty = closure(rules, usedBy, matchesEmpty);
  checkStarts(rules, empty);
  if (!closure(rules, usedBy, canEnd).has(ROOT))
    throw new EdgeVlmError('GRAMMAR_INVALID', `no text ends the rule ${ROOT}: it always goes on`);
}

/** How many elements libllama makes of an expression. */
function writtenOut(expression: Expression, onRule: (name: string) => void): number {
  switch (expression.type) {
    case 'characters':
      return 2 * expression.ranges.length;
    case 'token':
      return 1;
    case 'rule':
      onRule(expression.name);
      return 1;
    case 'sequence':
      return expression.items.reduce((sum, item) => sum + writtenOut(item, onRule), 0);
    case 'choice':
      return expression.options.reduce((sum, option) => sum + 1 + writtenOut(option, onRule), 2);
    case 'repeat': {
      const { item, min, max } = expression;
      const optional = max === Infinity ? 1 : max - min;
      return (min + optional) * writtenOut(item, onRule) + 3 * optional;
    }
  }
}

/** Rules of which `holds` is true, given those of which it already is: the least such set. */
function closure(
  rules: GbnfRules,
  usedBy: ReadonlyMap<string, ReadonlySet<string>>,
  holds: (expression: Expression, known: ReadonlySet<string>) => boolean,
): Set<string> {
  const known = new Set<string>();
  const waiting = [...rules.keys()];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const expression = rules.get(name);
    if (known.has(name) || expression === undefined || !holds(expression, known)) continue;
    known.add(name);
    waiting.push(...(usedBy.get(name) ?? []));
  }
  return known;
}

function matchesEmpty(expression: Expression, known: ReadonlySet<string>): boolean {
  switch (expression.type) {
    case 'characters':
    case 'token':
      return false;
    case 'rule':
      return known.has(expression.name);
    case 'sequence':
      return expression.items.every((item) => matchesEmpty(item, known));
    case 'choice':
      return expression.options.some((option) => matchesEmpty(option, known));
    case 'repeat':
      return expression.min === 0 || matchesEmpty(expression.item, known);
  }
}

function canEnd(expression: Expression, known: ReadonlySet<string>): boolean {
  switch (expression.type) {
    case 'characters':
    case 'token':
      return true;
    case 'rule':
      return known.has(expression.name);
    case 'sequence':
      return expression.items.every((item) => canEnd(item, known));
    case 'choice':
      return expression.options.some((option) => canEnd(option, known));
    case 'repeat':
      return expression.min === 0 || canEnd(expression.item, known);
  }
}

/** Follows every rule to its first characters. */
function checkStarts(rules: GbnfRules, empty: ReadonlySet<string>): void {
  const known = new Map<string, Start>();
  const path = new Set<string>();
  const ofRule = (name: string, depth: number): Start => {
    const found = known.get(name);
    if (found !== undefined) return found;
    if (path.has(name)) throw new EdgeVlmError('GRAMMAR_INVALID', `the rule ${name} begins with itself (left recursion)`);
    const expression = rules.get(name);
    path.add(name);
    const ways = expression === undefined ? 0 : of(expression, depth).ways;
    path.delete(name);
    const start = { empty: empty.has(name), ways };
    known.set(name, start);
    return start;
  };
  const of = (expression: Expression, depth: number): Start => {
    if (depth > MAX_DEPTH) throw new EdgeVlmError('GRAMMAR_LIMIT', `rules begin with each other more than ${MAX_DEPTH} deep`);
    const start = ofKind(expression, depth + 1);
    if (start.ways > MAX_STARTS) throw new EdgeVlmError('GRAMMAR_LIMIT', `a rule can begin in more than ${MAX_STARTS} ways`);
    return start;
  };
  const ofKind = (expression: Expression, depth: number): Start => {
    switch (expression.type) {
      case 'characters':
      case 'token':
        return { empty: false, ways: 1 };
      case 'rule':
        return ofRule(expression.name, depth);
      case 'sequence': {
        let ways = 0;
        for (const item of expression.items) {
          const start = of(item, depth);
          ways += start.ways;
          if (!start.empty) return { empty: false, ways };
        }
        return { empty: true, ways: ways + 1 };
      }
      case 'choice': {
        const starts = expression.options.map((option) => of(option, depth));
        return { empty: starts.some(({ empty: some }) => some), ways: starts.reduce((sum, { ways }) => sum + ways, 0) };
      }
      case 'repeat': {
        const { min, max } = expression;
        const item = of(expression.item, depth);
        if (item.empty && max === Infinity) {
          throw new EdgeVlmError('GRAMMAR_INVALID', 'what may be empty is repeated without end (left recursion)');
        }
        return { empty: min === 0 || item.empty, ways: item.empty ? item.ways * Math.max(max, 1) : item.ways + 1 };
      }
    }
  };
  for (const name of rules.keys()) ofRule(name, 0);
}
