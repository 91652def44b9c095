/** The words a scene is made of. Their order is part of the format: a seed draws by index, so append, never reorder. */
export const SHAPES = ['circle', 'square', 'triangle', 'star', 'heart', 'diamond', 'cross', 'ring', 'moon', 'arrow'] as const;
export const COLOURS = ['red', 'green', 'blue', 'yellow', 'orange', 'purple', 'pink', 'cyan', 'white', 'black'] as const;
export const SIZES = ['small', 'medium', 'large'] as const;
/** The cells of a 3 × 3 grid in reading order. */
export const POSITIONS = ['top left', 'top', 'top right', 'left', 'center', 'right', 'bottom left', 'bottom', 'bottom right'] as const;
/** What a digit is called where a shape is asked for; only rich scenes have digits. */
export const OBJECT_SHAPES = [...SHAPES, 'digit'] as const;
export const SPLITS = ['train', 'validation', 'test'] as const;

/** `plain`: one flat or shaded ground. `rich`: textures, digits, greyscale pictures, blur, noise and JPEG's losses. */
export const STYLES = ['plain', 'rich'] as const;

/** `distance`: signed distance functions, what models are trained on. `svg`: another look at the same truths, for evaluation only. */
export const RENDERERS = ['distance', 'svg'] as const;

export type Shape = (typeof SHAPES)[number];
export type Colour = (typeof COLOURS)[number];
export type Size = (typeof SIZES)[number];
export type Style = (typeof STYLES)[number];
export type Renderer = (typeof RENDERERS)[number];
export type Split = (typeof SPLITS)[number];

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number];

/** The middle of each colour name; drawn colours differ from it by at most `COLOUR_JITTER` in each channel. */
export const COLOUR_RGB: Readonly<Record<Colour, Rgb>> = {
  red: [215, 35, 40],
  green: [40, 160, 60],
  blue: [45, 75, 215],
  yellow: [240, 220, 45],
  orange: [245, 130, 25],
  purple: [125, 45, 165],
  pink: [245, 140, 190],
  cyan: [50, 205, 220],
  white: [245, 245, 245],
  black: [20, 20, 20],
};
export const COLOUR_JITTER = 10;

/** Half the extent of an object as a fraction of the picture's side; drawn sizes differ by at most `SIZE_JITTER` of it. */
export const SIZE_RADIUS: Readonly<Record<Size, number>> = { small: 0.072, medium: 0.105, large: 0.148 };
export const SIZE_JITTER = 0.06;
