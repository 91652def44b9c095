/**
 * CMYK without a profile to RGB by Pillow's formula (`Convert.c`, `cmyk2rgb`), which is what HF's processors see. A colour-managed
 * conversion would need to guess the press.
 *
 * @param cmyk - interleaved, 4 bytes a pixel, 255 is full ink
 * @returns interleaved RGB, 3 bytes a pixel
 */
export function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let from = 0, to = 0; from < cmyk.length; from += 4) {
    const light = 255 - (cmyk[from + 3] ?? 0);
    for (let ink = 0; ink < 3; ink++) {
      const product = (cmyk[from + ink] ?? 0) * light + 128;
      rgb[to++] = light - ((product + (product >> 8)) >> 8); // product / 255, rounded
    }
  }
  return rgb;
}
