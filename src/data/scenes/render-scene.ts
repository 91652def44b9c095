import { generateScene, sceneSettings, type Scene, type SceneOptions } from './generate-scene.js';
import { renderSvgScene } from './svg/render-svg-scene.js';
import type { Renderer } from './vocabulary.js';

/**
 * Draws a scene with the renderer of one's choice. Both draw pictures of the same truths, which differ in their boxes only; with
 * `distance` it is {@link generateScene}.
 * @throws EdgeVlmError USAGE when an option is out of its range.
 */
export async function renderScene(options: SceneOptions, renderer: Renderer): Promise<Scene> {
  const scene = generateScene(options);
  switch (renderer) {
    case 'distance':
      return scene;
    case 'svg': {
      const { side, style } = sceneSettings(options);
      return renderSvgScene(scene.truth, side, style);
    }
  }
}
