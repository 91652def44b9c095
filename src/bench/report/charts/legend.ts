import { html, type Html } from '../html.js';
import { CHART_WIDTH, shortened, svgText, textWidth } from './svg.js';

/** As many colours as the page tells apart. */
export const COLOURS = 8;
const ROW = 22;

/** A square and a name for each colour, in rows from the top of the chart. */
export function legendOf(names: readonly string[]): { readonly items: readonly Html[]; readonly height: number } {
  let [x, y] = [0, 12];
  const items = names.map(shortened).flatMap((name, index) => {
    const width = 18 + textWidth(name) + 14;
    if (x > 0 && x + width > CHART_WIDTH) [x, y] = [0, y + ROW];
    const item = [html`<rect class="part p${index % COLOURS}" x="${x}" y="${y - 10}" width="12" height="12" /> `, svgText(x + 18, y, name)];
    x = Number((x + width).toFixed(1));
    return item;
  });
  return { items, height: y + 8 };
}
