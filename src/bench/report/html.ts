/** Markup that is ready for a page. Only the template `html` makes it, so everything in it was written by us or escaped. */
export class Html {
  readonly #markup: string;

  private constructor(markup: string) {
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }

  /** The tag function `html`, here because only the class may make an instance. */
  static readonly template = (literals: TemplateStringsArray, ...values: readonly HtmlValue[]): Html =>
    new Html(literals.reduce((markup, literal, index) => markup + markupOf(values[index - 1] ?? '') + literal));
}

export type HtmlValue = string | number | Html | readonly Html[];

/** Markup from a template literal, for HTML and SVG: text that is filled in is escaped, markup and lists of it are not. */
export const html = Html.template;

function markupOf(value: HtmlValue): string {
  if (value instanceof Html) return value.toString();
  return typeof value === 'object' ? value.join('') : escapeHtml(String(value));
}

/**
 * Text as it may stand between tags and in quoted attributes. Names come from anyone's files: characters that are not allowed in
 * HTML, or that turn the direction of what follows (Unicode TR 9), become U+FFFD.
 */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`).replace(UNPRINTABLE, '\ufffd');
}

// eslint-disable-next-line no-control-regex -- control characters are what is being replaced
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\p{Surrogate}]/gu;
