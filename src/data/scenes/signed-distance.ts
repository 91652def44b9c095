import type { Shape } from './vocabulary.js';

/** Signed distance to a shape that fills about [−1, 1]², y upwards: negative inside, zero on the edge. */
export type SignedDistance = (x: number, y: number) => number;

type Vertex = readonly [number, number];

/** Exact distance to a polygon; after Inigo Quilez, https://iquilezles.org/articles/distfunctions2d/ (sdPolygon, MIT). */
function polygon(vertices: readonly Vertex[]): SignedDistance {
  const edges = Float64Array.from(vertices.flatMap((from, index) => [...from, ...(vertices[(index + 1) % vertices.length] ?? from)]));
  return (x, y) => {
    let squared = Infinity;
    let inside = false;
    for (let at = 0; at < edges.length; at += 4) {
      const ax = edges[at] ?? 0;
      const ay = edges[at + 1] ?? 0;
      const bx = edges[at + 2] ?? 0;
      const by = edges[at + 3] ?? 0;
      const ex = bx - ax;
      const ey = by - ay;
      const wx = x - ax;
      const wy = y - ay;
      const along = Math.min(1, Math.max(0, (wx * ex + wy * ey) / (ex * ex + ey * ey)));
      const dx = wx - ex * along;
      const dy = wy - ey * along;
      squared = Math.min(squared, dx * dx + dy * dy);
      if (ay > y !== by > y && x < (ex * (y - ay)) / ey + ax) inside = !inside;
    }
    return inside ? -Math.sqrt(squared) : Math.sqrt(squared);
  };
}

function starVertices(points: number, inner: number): Vertex[] {
  return Array.from({ length: 2 * points }, (_, index): Vertex => {
    const angle = Math.PI / 2 + (index * Math.PI) / points;
    const radius = index % 2 === 0 ? 1.08 : inner;
    return [radius * Math.cos(angle), radius * Math.sin(angle) - 0.05];
  });
}

/** After Inigo Quilez (sdHeart, MIT), whose heart stands on the origin and is about 1.1 high. */
const heart: SignedDistance = (px, py) => {
  const scale = 0.62;
  const x = Math.abs(px) * scale;
  const y = py * scale + 0.53;
  if (y + x > 1) return (Math.hypot(x - 0.25, y - 0.75) - Math.SQRT2 / 4) / scale;
  const fold = 0.5 * Math.max(x + y, 0);
  return (Math.min(Math.hypot(x, y - 1), Math.hypot(x - fold, y - fold)) * Math.sign(x - y)) / scale;
};

const ARM = 0.34;

export const SIGNED_DISTANCE: Readonly<Record<Shape, SignedDistance>> = {
  circle: (x, y) => Math.hypot(x, y) - 0.96,
  square: polygon([
    [-0.84, -0.84],
    [0.84, -0.84],
    [0.84, 0.84],
    [-0.84, 0.84],
  ]),
  triangle: polygon([
    [-1, -0.8],
    [1, -0.8],
    [0, 0.95],
  ]),
  star: polygon(starVertices(5, 0.45)),
  heart,
  diamond: polygon([
    [0, -1.05],
    [0.68, 0],
    [0, 1.05],
    [-0.68, 0],
  ]),
  cross: polygon([
    [-ARM, -1],
    [ARM, -1],
    [ARM, -ARM],
    [1, -ARM],
    [1, ARM],
    [ARM, ARM],
    [ARM, 1],
    [-ARM, 1],
    [-ARM, ARM],
    [-1, ARM],
    [-1, -ARM],
    [-ARM, -ARM],
  ]),
  ring: (x, y) => Math.abs(Math.hypot(x, y) - 0.78) - 0.22,
  moon: (x, y) => Math.max(Math.hypot(x + 0.1, y) - 0.98, 0.8 - Math.hypot(x - 0.42, y)),
  arrow: polygon([
    [-1, -0.28],
    [0.05, -0.28],
    [0.05, -0.8],
    [1.02, 0],
    [0.05, 0.8],
    [0.05, 0.28],
    [-1, 0.28],
  ]),
};
