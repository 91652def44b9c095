import type { ChartText } from './charts/svg.js';
import { figure } from './figure.js';
import { html, type Html } from './html.js';
import { htmlTable, markdownTable, markdownText, type ReportTable } from './table.js';

/** A chart and its numbers, a table, or some sentences. */
export type ReportPart =
  | { readonly kind: 'figure'; readonly text: ChartText; readonly chart: Html; readonly table: ReportTable }
  | { readonly kind: 'table'; readonly table: ReportTable }
  | { readonly kind: 'list'; readonly lines: readonly string[] };

/** Some parts under a title; the same on a page and in Markdown, where charts are left to their tables. */
export interface ReportSection {
  readonly title: string;
  readonly parts: readonly ReportPart[];
}

export function htmlSection({ title, parts }: ReportSection): { readonly title: string; readonly body: Html } {
  return { title, body: html`${parts.map(htmlPart)}` };
}

function htmlPart(part: ReportPart): Html {
  switch (part.kind) {
    case 'figure':
      return figure(part.text, part.chart, part.table);
    case 'table':
      return htmlTable(part.table);
    case 'list':
      return html`<ul>
        ${part.lines.map((line) => html`<li>${line}</li> `)}
      </ul> `;
  }
}

export function markdownSection({ title, parts }: ReportSection): string[] {
  return [`## ${markdownText(title)}`, '', ...parts.flatMap(markdownPart)];
}

function markdownPart(part: ReportPart): string[] {
  switch (part.kind) {
    case 'figure':
      return [`### ${markdownText(part.text.title)}`, '', markdownText(part.text.description), '', ...markdownTable(part.table), ''];
    case 'table':
      return [markdownText(part.table.caption), '', ...markdownTable(part.table), ''];
    case 'list':
      return [...part.lines.map((line) => `* ${markdownText(line)}`), ''];
  }
}
