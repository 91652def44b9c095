import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Absolute paths. Nothing is created by asking for them. */
export interface DataDirectories {
  /** `$EDGEVLM_HOME`, else `edgevlm` in the platform's data directory. */
  readonly home: string;
  /** Run records. */
  readonly runs: string;
  /** What was measured about this device and models on it. */
  readonly calibration: string;
  /** Where model files are looked for, first match wins: `./models`, `$EDGEVLM_HOME/models`, the Hugging Face hub's cache. */
  readonly models: readonly string[];
}

interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  readonly userHome: string;
  readonly cwd: string;
}

/** Resolves the places EdgeVLM reads and writes; the argument replaces parts of the real surroundings in tests. */
export function dataDirectories(surroundings: Partial<Surroundings> = {}): DataDirectories {
  const { env, platform, userHome, cwd }: Surroundings = {
    env: process.env,
    platform: process.platform,
    userHome: homedir(),
    cwd: process.cwd(),
    ...surroundings,
  };
  // An empty variable means "not set", as in the XDG base directory specification.
  const variable = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);

  const home = resolve(cwd, variable('EDGEVLM_HOME') ?? join(platformDataDirectory(), 'edgevlm'));
  return {
    home,
    runs: join(home, 'runs'),
    calibration: join(home, 'calibration'),
    models: [join(cwd, 'models'), join(home, 'models'), resolve(cwd, hubCache())],
  };

  function platformDataDirectory(): string {
    if (platform === 'darwin') return join(userHome, 'Library', 'Application Support');
    if (platform === 'win32') return variable('LOCALAPPDATA') ?? join(userHome, 'AppData', 'Local');
    return variable('XDG_DATA_HOME') ?? join(userHome, '.local', 'share');
  }

  /** The order of huggingface_hub's constants.py. */
  function hubCache(): string {
    const huggingFaceHome = variable('HF_HOME') ?? join(variable('XDG_CACHE_HOME') ?? join(userHome, '.cache'), 'huggingface');
    return variable('HF_HUB_CACHE') ?? variable('HUGGINGFACE_HUB_CACHE') ?? join(huggingFaceHome, 'hub');
  }
}
