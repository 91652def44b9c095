import { html, type Html } from './html.js';

/** A number as readers see it, with the number itself for machines. */
export interface Figure {
  readonly text: string;
  readonly value: number;
}

/** A figure and how sure it is. */
export interface FigureWithInterval {
  readonly figure: Figure;
  readonly low: Figure;
  readonly high: Figure;
}

/** Text, a figure, both in turns (`2 cores, 4 threads`), or a figure with its interval. */
export type Cell = string | Figure | FigureWithInterval | readonly (string | Figure)[];

export interface ReportTable {
  readonly caption: string;
  /** Titles; the first column names the rows. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** `figures` sets every column that has one to the right; `text` none. Default `figures`. */
  readonly align?: 'figures' | 'text';
}

/** A table for a page. */
export function htmlTable({ caption, columns, rows, align: rule = 'figures' }: ReportTable): Html {
  const isNumeric = columns.map((_, column) => rule === 'figures' && column > 0 && rows.some((row) => isFigure(row[column] ?? '')));
  const align = (column: number): Html => (isNumeric[column] === true ? html` class="number"` : html``);
  const head = columns.map((title, column) => html`<th scope="col" ${align(column)}>${title}</th>`);
  const body = rows.map(
    (row) =>
      html`<tr>
        ${row.map((cell, column) =>
          column === 0 ? html`<th scope="row">${htmlCell(cell)}</th>` : html`<td${align(column)}>${htmlCell(cell)}</td>`,
        )}
      </tr> `,
  );
  return html`<div class="table">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div> `;
}

function isFigure(cell: Cell): boolean {
  return typeof partsOf(cell)[0] === 'object';
}

function htmlCell(cell: Cell): Html {
  if (typeof cell === 'object' && 'figure' in cell) {
    return html`${htmlPart(cell.figure)} <small>${htmlPart(cell.low)} – ${htmlPart(cell.high)}</small>`;
  }
  return html`${partsOf(cell).map(htmlPart)}`;
}

function htmlPart(part: string | Figure): Html {
  return typeof part === 'string' ? html`${part}` : html`<data value="${part.value}">${part.text}</data>`;
}

/** The same as Markdown; cells stay on one line. */
export function markdownTable({ columns, rows }: Omit<ReportTable, 'caption'>): string[] {
  const texts = [columns, ...rows.map((row) => row.map(textOf))].map((row) => row.map(markdownText));
  const widths = columns.map((_, column) => Math.max(3, ...texts.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string => `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`;
  const [head = [], ...body] = texts;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)];
}

function textOf(cell: Cell): string {
  return partsOf(cell)
    .map((part) => (typeof part === 'string' ? part : part.text))
    .join('');
}

/** Text as one line of Markdown that neither ends a cell nor becomes markup. */
export function markdownText(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[|\\`<]/g, '\\$&');
}

/** What a cell says in one line. */
export function partsOf(cell: Cell): readonly (string | Figure)[] {
  if (typeof cell === 'string' || 'text' in cell) return [cell];
  return 'figure' in cell ? [cell.figure, ' (', cell.low, ' – ', cell.high, ')'] : cell;
}
