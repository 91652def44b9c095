import type { Random } from '../random.js';
import type { Shape } from '../vocabulary.js';

type Point = readonly [x: number, y: number];

/** Coordinates with three decimals: a tenth of a pixel in the largest picture. */
const text = (value: number): string => value.toFixed(3);

function polygon(points: readonly Point[]): string {
  return `M${points.map(([x, y]) => `${text(x)},${text(y)}`).join('L')}Z`;
}

function circle(radius: number): string {
  const r = text(radius);
  return `M-${r},0A${r},${r},0,1,1,${r},0A${r},${r},0,1,1,-${r},0Z`;
}

function star(inner: number): string {
  return polygon(
    Array.from({ length: 10 }, (_, index): Point => {
      const angle = -Math.PI / 2 + (index * Math.PI) / 5;
      const radius = index % 2 === 0 ? 1.06 : 1.06 * inner;
      return [radius * Math.cos(angle), radius * Math.sin(angle) + 0.06];
    }),
  );
}

/** A crescent open to the right: `thickness` in its middle, its tips `angle` above and below the axis. */
function moon(thickness: number, angle: number): string {
  const [radius, left] = [0.98, -1.06];
  const [x, y] = [left + radius + radius * Math.cos(angle), radius * Math.sin(angle)];
  const depth = x - left - thickness;
  const inner = (depth * depth + y * y) / (2 * depth);
  const [outerArc, innerArc] = [`${text(radius)},${text(radius)}`, `${text(inner)},${text(inner)}`];
  return `M${text(x)},${text(-y)}A${outerArc},0,1,0,${text(x)},${text(y)}A${innerArc},0,${depth > inner ? 1 : 0},1,${text(x)},${text(-y)}Z`;
}

/**
 * The outline of a shape that fills about [−1, 1]², y downwards, as SVG path data (filled by the even-odd rule). Proportions are
 * drawn within what a person still calls by that name.
 */
export function shapePath(shape: Shape, random: Random): string {
  switch (shape) {
    case 'circle':
      return circle(0.95);
    case 'square': {
      const half = random.uniform(0.8, 0.87);
      return polygon([
        [-half, -half],
        [half, -half],
        [half, half],
        [-half, half],
      ]);
    }
    case 'triangle': {
      const foot = random.uniform(0.9, 1);
      return polygon([
        [0, -0.95],
        [foot, 0.78],
        [-foot, 0.78],
      ]);
    }
    case 'star':
      // A regular pentagram has 0.38.
      return star(random.uniform(0.38, 0.5));
    case 'heart':
      return 'M0,.95C-.35,.6-1.02,.2-1,-.35C-.98,-.85-.3,-1,0,-.42C.3,-1,.98,-.85,1,-.35C1.02,.2,.35,.6,0,.95Z';
    case 'diamond': {
      const half = random.uniform(0.62, 0.76);
      return polygon([
        [0, -1.04],
        [half, 0],
        [0, 1.04],
        [-half, 0],
      ]);
    }
    case 'cross': {
      const arm = random.uniform(0.26, 0.36);
      const quarter: Point[] = [
        [arm, -1],
        [arm, -arm],
        [1, -arm],
      ];
      return polygon([0, 1, 2, 3].flatMap((turns) => quarter.map((point) => quarterTurned(point, turns))));
    }
    case 'ring':
      return `${circle(0.98)}${circle(random.uniform(0.5, 0.64))}`;
    case 'moon':
      return moon(random.uniform(0.56, 0.74), random.uniform(0.85, 1.05));
    case 'arrow': {
      const shaft = random.uniform(0.2, 0.31);
      const [neck, head] = [random.uniform(-0.05, 0.2), random.uniform(0.72, 0.88)];
      return polygon([
        [-1, -shaft],
        [neck, -shaft],
        [neck, -head],
        [1.02, 0],
        [neck, head],
        [neck, shaft],
        [-1, shaft],
      ]);
    }
  }
}

function quarterTurned([x, y]: Point, turns: number): Point {
  return turns === 0 ? [x, y] : quarterTurned([-y, x], turns - 1);
}
