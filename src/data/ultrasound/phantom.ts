import type { Random } from '../scenes/random.js';

/** What echoes where, in decibels below the strongest echo. Places are in units of the depth of the sector: x sideways, y downwards. */
export type Phantom = (x: number, y: number) => number;

/** Echo levels, dB. */
const SKIN = -8;
const TISSUE = -22;
const FLUID = -48;
const BONE = 2;

/** A skull in fluid in tissue: an elliptical ring, bright where the beam meets it squarely, a midline, and layers of skin above. */
export function drawPhantom(random: Random): Phantom {
  const centre = { x: random.uniform(-0.12, 0.12), y: random.uniform(0.48, 0.6) };
  const long = random.uniform(0.24, 0.34);
  const wide = long * random.uniform(0.7, 0.85);
  const turn = random.uniform(-0.6, 0.6);
  const wall = random.uniform(0.018, 0.03);
  const skin = random.uniform(0.04, 0.08);
  const pocket = { x: random.uniform(-0.4, 0.4), y: random.uniform(0.28, 0.36), radius: random.uniform(0.06, 0.12) };
  const waves = Array.from({ length: 6 }, () => ({
    kx: random.uniform(-22, 22),
    ky: random.uniform(-22, 22),
    phase: random.uniform(0, 2 * Math.PI),
  }));
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return (x, y) => {
    // Tissue is not even, and sound is lost on its way.
    const uneven = waves.reduce((sum, { kx, ky, phase }) => sum + Math.sin(kx * x + ky * y + phase), 0);
    const tissue = TISSUE + 1.4 * uneven - 8 * y;
    if (y < skin) return SKIN - 10 * Math.abs(Math.sin((5 * Math.PI * y) / skin)) * (y / skin);
    const [dx, dy] = [x - centre.x, y - centre.y];
    const [u, v] = [(dx * cos + dy * sin) / long, (dy * cos - dx * sin) / wide];
    const distance = Math.hypot(u, v);
    // In units of depth, near the ring.
    const fromWall = (distance - 1) * wide;
    if (Math.abs(fromWall) < wall / 2) return BONE - 22 * (1 - (Math.abs(dy) / Math.hypot(dx, dy)) ** 2) - 6 * y;
    if (distance < 1) return Math.abs(v * wide) < 0.006 && Math.abs(u) < 0.8 ? -14 : tissue - 9;
    if (distance < 1.25 || Math.hypot(x - pocket.x, y - pocket.y) < pocket.radius) return FLUID;
    return tissue;
  };
}
