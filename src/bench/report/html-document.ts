import { html, type Html } from './html.js';
import { REPORT_STYLE } from './report-style.js';

export interface HtmlDocumentOptions {
  readonly title: string;
  /** What the reader must know first, a paragraph each. */
  readonly lead: readonly string[];
  readonly sections: readonly { readonly title: string; readonly body: Html }[];
  /** What made this page and when. */
  readonly footer: string;
}

/** One page that needs nothing else: no scripts, no fonts, nothing is fetched, which its content security policy enforces. */
export function htmlDocument({ title, lead, sections, footer }: HtmlDocumentOptions): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        ${REPORT_STYLE}
      </head>
      <body>
        <main>
          <header>
            <h1>${title}</h1>
            ${lead.map((paragraph) => html`<p>${paragraph}</p> `)}
          </header>
          ${sections.map(
            (section) =>
              html`<section>
                <h2>${section.title}</h2>
                ${section.body}
              </section> `,
          )}
        </main>
        <footer><p>${footer}</p></footer>
      </body>
    </html> `;
  return page.toString();
}
