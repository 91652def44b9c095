import type { SignedDistance } from '../signed-distance.js';

type Point = readonly [x: number, y: number];
type Polyline = readonly Point[];

/** Half the width of a stroke, where a digit is two high. */
const STROKE = 0.2;
const WIDTH = 0.44;
const HEIGHT = 0.78;

/** Points of an ellipse's arc; degrees run anticlockwise from the right. */
function arc(x: number, y: number, width: number, height: number, from: number, to: number): Polyline {
  const steps = Math.ceil(Math.abs(to - from) / 30);
  return Array.from({ length: steps + 1 }, (_, step): Point => {
    const angle = ((from + ((to - from) * step) / steps) * Math.PI) / 180;
    return [x + width * Math.cos(angle), y + height * Math.sin(angle)];
  });
}

/** Digits as they are written, y upwards. */
const WRITTEN: readonly (readonly Polyline[])[] = [
  [arc(0, 0, WIDTH, HEIGHT, 0, 360)],
  [
    [
      [-0.32, 0.42],
      [0.06, HEIGHT],
      [0.06, -HEIGHT],
    ],
  ],
  [[...arc(0, 0.36, WIDTH, 0.42, 165, -25), [-WIDTH, -HEIGHT], [0.5, -HEIGHT]]],
  [[...arc(0, 0.4, 0.4, 0.38, 150, -90), ...arc(0, -0.38, WIDTH, 0.4, 90, -150)]],
  [
    [
      [0.22, -HEIGHT],
      [0.22, HEIGHT],
      [-0.52, -0.26],
      [0.52, -0.26],
    ],
  ],
  [[[0.42, HEIGHT], [-0.34, HEIGHT], [-0.4, 0.08], ...arc(-0.02, -0.3, 0.48, 0.48, 120, -145)]],
  [[[0.3, HEIGHT], ...arc(0.1, 0, 0.54, 0.66, 120, 190)], arc(0, -0.34, WIDTH, WIDTH, 0, 360)],
  [
    [
      [-WIDTH, HEIGHT],
      [WIDTH, HEIGHT],
      [-0.12, -HEIGHT],
    ],
  ],
  [arc(0, 0.4, 0.36, 0.38, 0, 360), arc(0, -0.38, WIDTH, 0.4, 0, 360)],
  [[[-0.3, -HEIGHT], ...arc(-0.1, 0, 0.54, 0.66, -60, 10)], arc(0, 0.34, WIDTH, WIDTH, 0, 360)],
];

/** The bars of a seven-segment display, from the top clockwise and the middle last. */
const BARS: readonly Polyline[] = (
  [
    [-1, 1, 1, 1],
    [1, 1, 1, 0],
    [1, 0, 1, -1],
    [-1, -1, 1, -1],
    [-1, 0, -1, -1],
    [-1, 1, -1, 0],
    [-1, 0, 1, 0],
  ] as const
).map(([ax, ay, bx, by]) => [
  [ax * WIDTH, ay * HEIGHT],
  [bx * WIDTH, by * HEIGHT],
]);

/** Which bars each digit lights; the lowest bit is the top bar. */
const LIT = [0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f];

/** Distance to strokes with round ends. */
function strokes(lines: readonly Polyline[]): SignedDistance {
  const drawn = lines
    .flatMap((line) => line.slice(1).map((to, index) => [...(line[index] ?? to), ...to] as const))
    // Two arcs that meet in a point are joined by no stroke.
    .filter(([ax, ay, bx, by]) => Math.hypot(bx - ax, by - ay) > 1e-6);
  const segments = Float64Array.from(drawn.flat());
  return (x, y) => {
    let squared = Infinity;
    for (let at = 0; at < segments.length; at += 4) {
      const ex = (segments[at + 2] ?? 0) - (segments[at] ?? 0);
      const ey = (segments[at + 3] ?? 0) - (segments[at + 1] ?? 0);
      const wx = x - (segments[at] ?? 0);
      const wy = y - (segments[at + 1] ?? 0);
      const along = Math.min(1, Math.max(0, (wx * ex + wy * ey) / (ex * ex + ey * ey)));
      const dx = wx - ex * along;
      const dy = wy - ey * along;
      squared = Math.min(squared, dx * dx + dy * dy);
    }
    return Math.sqrt(squared) - STROKE;
  };
}

/** Signed distances of the digits 0 to 9 in each way of drawing them: by hand, and on a seven-segment display. */
export const DIGIT_DISTANCE: readonly (readonly SignedDistance[])[] = [
  WRITTEN.map(strokes),
  LIT.map((lit) => strokes(BARS.filter((_, bar) => (lit >> bar) & 1))),
];
