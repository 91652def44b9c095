import type { Command, Option } from 'commander';
import type { ConfigKey } from '../../config/config-keys.js';

/** What a key sets. */
interface KeyFlags {
  /** Options by the name of their value, the first that a command has. */
  readonly options: readonly string[];
  /** It has a part in what the option is to be: `chooseOptimizations` decides. */
  readonly decided?: true;
  /** The option takes a list, the key one value. */
  readonly list?: true;
  /** The one command where the option means this. */
  readonly of?: 'serve';
}

const CONFIG_FLAGS: Record<ConfigKey, KeyFlags> = {
  'model.name': { options: ['model'] },
  'model.mmproj': { options: ['mmproj'] },
  'optimizations.speculative_decoding.enabled': { options: ['decoding'], decided: true },
  'optimizations.speculative_decoding.draft_tokens': { options: ['draftTokens'] },
  'optimizations.speculative_decoding.draft_model': { options: ['draft'], decided: true },
  'optimizations.speculative_decoding.draft_view': { options: ['draftView'], decided: true },
  'optimizations.kv_cache_compression.gear_enabled': { options: ['cache'], decided: true },
  'optimizations.kv_cache_compression.pyramid_enabled': { options: ['cache'], decided: true },
  'optimizations.kv_cache_compression.max_cache_size_mb': { options: ['context'], decided: true },
  'optimizations.early_exit.enabled': { options: ['decoding'], decided: true },
  'optimizations.early_exit.confidence_threshold': { options: ['exitThreshold'], list: true },
  'optimizations.early_exit.exit_layers': { options: ['exitLayers'], decided: true },
  'optimizations.early_exit.gate': { options: ['exitGate'] },
  'optimizations.image_pruning.image_tokens': { options: ['imageTokens'] },
  'optimizations.image_pruning.method': { options: ['imagePruning'] },
  'inference.num_threads': { options: ['threads'] },
  'inference.temperature': { options: ['temperature'] },
  'inference.top_p': { options: ['topP'] },
  'inference.top_k': { options: ['topK'] },
  'inference.min_p': { options: ['minP'] },
  'inference.repeat_penalty': { options: ['repeatPenalty'] },
  'inference.repeat_last_n': { options: ['repeatLastN'] },
  'inference.frequency_penalty': { options: ['frequencyPenalty'] },
  'inference.presence_penalty': { options: ['presencePenalty'] },
  'inference.seed': { options: ['seed'] },
  // A server's `--max-tokens` is what requests may ask for, not what they get.
  'inference.max_length': { options: ['defaultTokens', 'maxTokens'] },
  'inference.context_length': { options: ['context'], decided: true },
  'inference.context_shift': { options: ['contextShift'] },
  'inference.device': { options: ['device'] },
  'inference.mmap': { options: ['mmap'] },
  max_cache_size_mb: { options: ['context'], decided: true },
  cache_ram_mb: { options: ['cacheRam'] },
  calibration: { options: ['calibration'] },
  'server.host': { options: ['host'] },
  'server.port': { options: ['port'] },
  'server.tls_cert': { options: ['tlsCert'] },
  'server.tls_key': { options: ['tlsKey'] },
  'server.rate_limit': { options: ['rateLimit'] },
  'server.fetch_from': { options: ['fetchFrom'] },
  'server.models': { options: ['model'], of: 'serve' },
  'server.models_dirs': { options: ['modelsDir'] },
  'server.preload': { options: ['preload'] },
  'server.memory_budget': { options: ['memoryBudget'] },
  'server.runtime': { options: ['runtime'], of: 'serve' },
  'server.parallel': { options: ['parallel'] },
  'server.max_queue': { options: ['maxQueue'] },
  'server.deadline_ms': { options: ['deadline'] },
  'server.pause_ms': { options: ['pause'] },
  'server.pause_above_celsius': { options: ['pauseAbove'] },
  'server.max_tokens': { options: ['maxTokens'], of: 'serve' },
  'server.max_images': { options: ['maxImages'] },
  'server.max_image_bytes': { options: ['maxImageBytes'] },
  'server.max_image_pixels': { options: ['maxImagePixels'] },
  'server.reuse_answers': { options: ['reuseAnswers'] },
  'server.cors_origins': { options: ['corsOrigin'] },
  'logging.level': { options: ['logLevel'] },
  'logging.file': { options: ['logFile'] },
  cameras: { options: ['cameras'] },
};

/** A key's option in a command; undefined where the command has no use for the key. */
export function optionOf(command: Command, key: ConfigKey): (Omit<KeyFlags, 'options' | 'of'> & { readonly option: Option }) | undefined {
  const { options, of, ...how } = CONFIG_FLAGS[key];
  if (of !== undefined && command.name() !== of) return undefined;
  for (const name of options) {
    const option = command.options.find((candidate) => candidate.attributeName() === name);
    if (option !== undefined) return { ...how, option };
  }
  return undefined;
}
