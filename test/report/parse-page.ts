/** An element of a page; `text` is all text in it, entities resolved. */
export interface PageElement {
  readonly tag: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: PageElement[];
  text: string;
}

const VOID = new Set(['meta', 'hr', 'br', 'link', 'img', 'input']);
const NAME = /^[a-z][a-z0-9]*$/i;

/**
 * Parses markup by rules stricter than HTML's: everything is closed in order, attributes are quoted and not given twice, and no
 * bare `<` or `&` stands in text. What passes means the same to every browser.
 */
export function parsePage(markup: string): PageElement {
  const root: PageElement = { tag: '#root', attributes: new Map(), children: [], text: '' };
  const open = [root];
  let at = markup.startsWith('<!doctype html>') ? '<!doctype html>'.length : 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at ${at}: ${markup.slice(at, at + 80)}`);
  };
  while (at < markup.length) {
    const inner = open.at(-1) ?? fail('text after the end');
    if (inner.tag === 'style') {
      const end = markup.indexOf('</style>', at);
      if (end < 0) fail('a style that does not end');
      inner.text = markup.slice(at, end);
      at = end;
    }
    if (markup.startsWith('</', at)) {
      const tag = /^<\/([^\s>]+)\s*>/.exec(markup.slice(at)) ?? fail('a broken end tag');
      if (open.length < 2 || tag[1] !== inner.tag) fail(`</${tag[1] ?? ''}> closes <${inner.tag}>`);
      open.pop();
      at += tag[0].length;
    } else if (markup[at] === '<') {
      const { tag, attributes, end, selfClosed } = startTag(markup, at, fail);
      const element: PageElement = { tag, attributes, children: [], text: '' };
      inner.children.push(element);
      if (!VOID.has(tag) && !selfClosed) open.push(element);
      at = end;
    } else {
      const next = markup.indexOf('<', at);
      const text = unescape(markup.slice(at, next < 0 ? undefined : next), fail);
      for (const element of open) element.text += text;
      at = next < 0 ? markup.length : next;
    }
  }
  if (open.length > 1) fail(`<${open.at(-1)?.tag ?? ''}> is not closed`);
  return root;
}

/** Every element below this one, in the order of the page. */
export function elementsOf(element: PageElement, ...tags: readonly string[]): PageElement[] {
  return element.children.flatMap((child) => [
    ...(tags.length === 0 || tags.includes(child.tag) ? [child] : []),
    ...elementsOf(child, ...tags),
  ]);
}

function startTag(markup: string, at: number, fail: (what: string) => never) {
  const attributes = new Map<string, string>();
  let rest = markup.slice(at + 1, at + 20_000);
  const tag = /^[^\s/>]+/.exec(rest)?.[0] ?? fail('a tag without a name');
  if (!NAME.test(tag)) fail('a strange tag');
  rest = rest.slice(tag.length);
  for (;;) {
    const attribute = /^\s+([a-zA-Z][\w-]*)="([^"<]*)"/.exec(rest);
    if (attribute === null) break;
    const [all, name = '', value = ''] = attribute;
    if (attributes.has(name)) fail(`${name} given twice`);
    attributes.set(name, unescape(value, fail));
    rest = rest.slice(all.length);
  }
  const end = /^\s*(\/?)>/.exec(rest) ?? fail('a broken tag');
  return { tag, attributes, end: markup.indexOf(rest, at) + end[0].length, selfClosed: end[1] === '/' };
}

function unescape(text: string, fail: (what: string) => never): string {
  return text.replace(/&(#\d+;)?/g, (_, code?: string) =>
    code === undefined ? fail('a bare &') : String.fromCodePoint(Number(code.slice(1, -1))),
  );
}
