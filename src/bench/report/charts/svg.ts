import { html, type Html } from '../html.js';

/** Width of every chart in its own units; the page scales it. */
export const CHART_WIDTH = 760;
/** Mean width of a character at the charts' text size, generously. */
const CHARACTER_WIDTH = 7.2;
const MAX_LABEL_CHARACTERS = 26;

/** What every chart is given: what it shows, in words for those who cannot see it. Its numbers stand in a table beside it. */
export interface ChartText {
  readonly title: string;
  readonly description: string;
}

/** The outer element of a chart. Its parts are hidden from screen readers, which get the title, the description and the table. */
export function svg({ title, description }: ChartText, height: number, parts: readonly Html[]): Html {
  return html`<svg viewBox="0 0 ${CHART_WIDTH} ${height}" role="img" aria-label="${title}. ${description}">${parts}</svg> `;
}

/** Text in a chart. @param anchor which end of the text stands at `x` */
export function svgText(x: number, y: number, text: string, { anchor = 'start', kind = 'label' } = {}): Html {
  return html`<text x="${x}" y="${y}" text-anchor="${anchor}" class="${kind}">${text}</text> `;
}

/** A number on an axis; nothing is nothing in any unit. */
export function tickText(value: number, format: (value: number) => string): string {
  return value === 0 ? '0' : format(value);
}

export function svgLine(kind: string, [x1, y1]: readonly [number, number], [x2, y2]: readonly [number, number]): Html {
  return html`<line class="${kind}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" /> `;
}

/** A name as there is room for in a chart. */
export function shortened(label: string): string {
  const characters = Array.from(new Intl.Segmenter().segment(label), ({ segment }) => segment);
  return characters.length > MAX_LABEL_CHARACTERS ? `${characters.slice(0, MAX_LABEL_CHARACTERS - 1).join('')}…` : label;
}

/** The column of row names: cut where they are long; the whole name stands in the table. */
export function labelColumn(labels: readonly string[]): { readonly width: number; readonly labels: readonly string[] } {
  const cut = labels.map(shortened);
  return { width: Math.ceil(textWidth(cut.reduce((a, b) => (b.length > a.length ? b : a), '')) + 16), labels: cut };
}

export function textWidth(text: string): number {
  return text.length * CHARACTER_WIDTH;
}

/** Where text of this width may be centred so that it stays between two edges. */
export function keepInside(x: number, text: string, left: number, right: number): number {
  const half = textWidth(text) / 2;
  return Number(Math.max(left + half, Math.min(right - half, x)).toFixed(1));
}
