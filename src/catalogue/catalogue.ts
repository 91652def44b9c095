import type { CatalogueFile, ModelEntry } from './model-entry.js';
import { SHAPES_FILES } from './shapes-files.js';

type Role = CatalogueFile['role'];

/**
 * The models `edgevlm models` knows. Only `shapes` was at hand when this was written: no model hub was in reach, so repository and
 * file names of the others come from llama.cpp's documentation and archived pages of the Hub, and they carry no size or checksum;
 * `pull` takes both from the Hub's answer.
 */
export const CATALOGUE: readonly ModelEntry[] = [
  {
    name: 'shapes',
    aliases: ['shapes-f16'],
    title: 'shapes',
    kind: 'vision-language',
    repository: null,
    revision: 'main',
    shipped: true,
    files: [...SHAPES_FILES.shapes],
    licence: 'mit',
    precisions: ['f16'],
    memoryBytes: 94_425_088,
    runtimes: ['engine'],
    checked: true,
    note: 'Comes with the package; describes drawn shapes and nothing else.',
  },
  shapesDraft('shapes-draft', 'Drafts for shapes from the text alone (speculative decoding).'),
  shapesDraft('shapes-draft-vision', "Drafts for shapes, reading the target's image tokens (speculative decoding)."),
  onHub({
    name: 'mobilevlm',
    aliases: ['mobilevlm_v2_1.7b_q4', 'mobilevlm-v2', 'mobilevlm-v2-1.7b', 'mtgv/MobileVLM_V2-1.7B'],
    title: 'MobileVLM-V2 1.7B',
    kind: 'vision-language',
    repository: 'ZiangWu/MobileVLM_V2-1.7B-GGUF',
    files: [
      hubFile('ggml-model-q4_k.gguf', 'mobilevlm_v2_1.7b_q4.gguf', 'model', '792 MB'),
      // In a folder of its own: beside other models it would be taken for theirs.
      hubFile('mmproj-model-f16.gguf', 'mobilevlm/mmproj-model-f16.gguf', 'mmproj', '595 MB'),
    ],
    licence: 'apache-2.0',
    precisions: ['q4_k'],
    runtimes: ['engine'],
    note: null,
  }),
  onHub({
    name: 'tinyllama',
    aliases: ['tinyllama_1.1b_q4', 'tinyllama-1.1b'],
    title: 'TinyLlama 1.1B Chat v1.0',
    kind: 'text',
    repository: 'TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF',
    files: [hubFile('tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf', 'tinyllama_1.1b_q4.gguf', 'model', null)],
    licence: 'apache-2.0',
    precisions: ['q4_k_m'],
    runtimes: ['engine'],
    note: null,
  }),
  onHub({
    name: 'moondream2',
    aliases: ['vikhyatk/moondream2'],
    title: 'Moondream2 (2025-04-14)',
    kind: 'vision-language',
    repository: 'ggml-org/moondream2-20250414-GGUF',
    checkpoint: { repository: 'vikhyatk/moondream2', revision: '2025-06-21' },
    files: [
      hubFile('moondream2-text-model-f16_ct-vicuna.gguf', 'moondream2/moondream2-text-model-f16_ct-vicuna.gguf', 'model', null),
      hubFile('moondream2-mmproj-f16-20250414.gguf', 'moondream2/moondream2-mmproj-f16-20250414.gguf', 'mmproj', null),
    ],
    licence: 'apache-2.0',
    precisions: ['f16'],
    runtimes: ['python'],
    note: 'Its decoder (phi2) is not in the engine; PyTorch runs it with the code of its repository (--runtime python --allow-remote-code).',
  }),
  onHub({
    name: 'qwen2.5-vl-3b',
    aliases: ['Qwen/Qwen2.5-VL-3B-Instruct', 'qwen2.5-vl'],
    title: 'Qwen2.5-VL 3B Instruct',
    kind: 'vision-language',
    repository: 'ggml-org/Qwen2.5-VL-3B-Instruct-GGUF',
    files: [
      hubFile('Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf', 'qwen2.5-vl-3b/Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf', 'model', null),
      hubFile('mmproj-Qwen2.5-VL-3B-Instruct-Q8_0.gguf', 'qwen2.5-vl-3b/mmproj-Qwen2.5-VL-3B-Instruct-Q8_0.gguf', 'mmproj', null),
    ],
    licence: null,
    precisions: ['q4_k_m'],
    runtimes: ['python'],
    note: 'Its decoder and tower (qwen2vl) are not in the engine; PyTorch runs it (--runtime python). Read the licence: the 3B models of this family came with one for research.',
  }),
  smolvlm('smolvlm-256m', 'SmolVLM-256M-Instruct', 'Q8_0'),
  smolvlm('smolvlm-500m', 'SmolVLM-500M-Instruct', 'Q8_0'),
  smolvlm('smolvlm-2.2b', 'SmolVLM-Instruct', 'Q4_K_M'),
  onHub({
    name: 'llava-phi',
    aliases: ['llava-phi-3-mini'],
    title: 'LLaVA-Phi-3-mini',
    kind: 'vision-language',
    repository: 'xtuner/llava-phi-3-mini-gguf',
    files: [
      hubFile('llava-phi-3-mini-int4.gguf', 'llava-phi/llava-phi-3-mini-int4.gguf', 'model', '2.32 GB'),
      hubFile('llava-phi-3-mini-mmproj-f16.gguf', 'llava-phi/llava-phi-3-mini-mmproj-f16.gguf', 'mmproj', '608 MB'),
    ],
    licence: null,
    precisions: ['int4'],
    runtimes: [],
    note: 'Its decoder (phi3) is not in the engine. Its repository states no licence.',
  }),
  bert('biobert', 'BioBERT base cased v1.1', 'dmis-lab/biobert-base-cased-v1.1'),
  bert('clinicalbert', 'Bio_ClinicalBERT', 'emilyalsentzer/Bio_ClinicalBERT'),
  onHub({
    name: 'efficientdet-d0',
    aliases: ['efficientdet'],
    title: 'EfficientDet D0',
    kind: 'detector',
    repository: 'Kalray/efficientdet-d0',
    files: [hubFile('efficientdet-d0-s.optimized.onnx', 'efficientdet-d0/efficientdet-d0-s.optimized.onnx', 'model', '16 MB')],
    licence: 'apache-2.0',
    precisions: ['fp32'],
    runtimes: [],
    note: 'No runtime of this version runs detectors.',
  }),
  efficientDet('efficientdet-d1', 'EfficientDet D1'),
  efficientDet('efficientdet-d2', 'EfficientDet D2'),
];

/** What is the same for every entry that could not be checked. */
function shapesDraft(name: 'shapes-draft' | 'shapes-draft-vision', note: string): ModelEntry {
  return {
    name,
    aliases: [`${name}-f16`],
    title: name,
    kind: 'text',
    repository: null,
    revision: 'main',
    shipped: true,
    files: [...SHAPES_FILES[name]],
    licence: 'mit',
    precisions: ['f16'],
    memoryBytes: null,
    runtimes: ['engine'],
    checked: true,
    note,
  };
}

function onHub(entry: Omit<ModelEntry, 'revision' | 'shipped' | 'memoryBytes' | 'checked'>): ModelEntry {
  return { ...entry, revision: 'main', shipped: false, memoryBytes: null, checked: false };
}

function hubFile(path: string, as: string, role: Role, listedSize: string | null): CatalogueFile {
  return { path, as, role, bytes: null, sha256: null, listedSize };
}

function smolvlm(name: string, model: string, precision: string): ModelEntry {
  const [half, other] = [`${model}-${precision}.gguf`, `mmproj-${model}-Q8_0.gguf`];
  return onHub({
    name,
    aliases: [model, `HuggingFaceTB/${model}`],
    title: model,
    kind: 'vision-language',
    repository: `ggml-org/${model}-GGUF`,
    files: [hubFile(half, `${name}/${half}`, 'model', null), hubFile(other, `${name}/${other}`, 'mmproj', null)],
    licence: 'apache-2.0',
    precisions: [precision.toLowerCase()],
    runtimes: ['engine'],
    note: null,
  });
}

function bert(name: string, title: string, repository: string): ModelEntry {
  const files = (['config.json', 'vocab.txt', 'pytorch_model.bin'] as const).map((path) =>
    hubFile(path, `${name}/${path}`, path === 'pytorch_model.bin' ? 'model' : 'other', null),
  );
  const note =
    'No runtime of this version runs encoders. The weights are a PyTorch pickle: load them only with a reader that runs no code.';
  return onHub({
    name,
    aliases: [repository],
    title,
    kind: 'encoder',
    repository,
    files,
    licence: null,
    precisions: ['fp32'],
    runtimes: [],
    note,
  });
}

function efficientDet(name: string, title: string): ModelEntry {
  const note = 'No repository with a known list of files was found on the Hub, so there is nothing to pull.';
  return onHub({
    name,
    aliases: [],
    title,
    kind: 'detector',
    repository: null,
    files: [],
    licence: null,
    precisions: [],
    runtimes: [],
    note,
  });
}
