import type { Random } from '../random.js';
import type { Rgb } from '../vocabulary.js';

const PLAIN_KINDS = ['linear', 'radial'] as const;
const RICH_KINDS = [...PLAIN_KINDS, 'horizon', 'lights', 'mist', 'wood', 'cloth'] as const;

export const rgbText = (rgb: Rgb): string => `rgb(${rgb.map((level) => Math.round(Math.min(255, Math.max(0, level)))).join(',')})`;

/** Fractal noise as shares of two colours; `stretch` makes its contrast greater. */
function noise(from: Rgb, to: Rgb, frequency: string, octaves: number, stretch: number, random: Random): string {
  const table = [0, 1, 2].map((channel) => {
    const [low, high] = [from[channel] ?? 0, to[channel] ?? 0].map((level) => (level / 255).toFixed(4));
    return `<feFunc${'RGB'.charAt(channel)} type="table" tableValues="${low ?? 0} ${high ?? 0}"/>`;
  });
  // The alpha of the noise is a share like any other channel and, unlike them, not premultiplied.
  const share = `0 0 0 ${stretch} ${((1 - stretch) / 2).toFixed(3)}`;
  return [
    '<filter id="noise" x="0" y="0" width="1" height="1" color-interpolation-filters="sRGB">',
    `<feTurbulence type="fractalNoise" baseFrequency="${frequency}" numOctaves="${octaves}" seed="${random.below(10_000)}"/>`,
    `<feColorMatrix values="${share} ${share} ${share} 0 0 0 0 1"/>`,
    `<feComponentTransfer>${table.join('')}</feComponentTransfer>`,
    '</filter>',
    '<rect width="128" height="128" filter="url(#noise)"/>',
  ].join('');
}

/** A background of a picture 128 units wide. Every pixel is a mixture of `from` and `to`. @param rich also what looks like a photograph */
export function svgGround(from: Rgb, to: Rgb, rich: boolean, random: Random): string {
  const [a, b] = [rgbText(from), rgbText(to)];
  const base = `<rect width="128" height="128" fill="${a}"/>`;
  const kind = random.pick(rich ? RICH_KINDS : PLAIN_KINDS);
  const number = (low: number, high: number): string => random.uniform(low, high).toFixed(4);
  const stops = `<stop offset="0" stop-color="${a}"/><stop offset="1" stop-color="${b}"/>`;
  switch (kind) {
    case 'linear':
      return `<linearGradient id="ground" gradientTransform="rotate(${number(0, 360)} .5 .5)">${stops}</linearGradient><rect width="128" height="128" fill="url(#ground)"/>`;
    case 'radial':
      return `<radialGradient id="ground" cx="${number(0.2, 0.8)}" cy="${number(0.2, 0.8)}" r="${number(0.6, 0.9)}">${stops}</radialGradient><rect width="128" height="128" fill="url(#ground)"/>`;
    case 'horizon': {
      const [left, right] = [random.uniform(50, 100), random.uniform(50, 100)];
      return `<linearGradient id="ground" x2="0" y2="1">${stops}</linearGradient><rect width="128" height="128" fill="url(#ground)"/><path d="M0,${left.toFixed(1)}C40,${(left - 12).toFixed(1)},88,${(right + 12).toFixed(1)},128,${right.toFixed(1)}V128H0Z" fill="${a}" opacity=".7"/>`;
    }
    case 'lights':
      return (
        base +
        Array.from({ length: 14 }, () => {
          return `<circle cx="${number(0, 128)}" cy="${number(0, 128)}" r="${number(6, 24)}" fill="${b}" opacity="${number(0.2, 0.6)}"/>`;
        }).join('')
      );
    case 'mist':
      return noise(from, to, number(0.008, 0.03), 4, 2.5, random);
    case 'wood':
      return noise(from, to, `${number(0.005, 0.012)} ${number(0.04, 0.1)}`, 4, 2.5, random);
    case 'cloth':
      return noise(from, to, `${number(0.3, 0.6)} ${number(0.05, 0.6)}`, 2, 2, random);
  }
}
