import { basename, dirname, join } from 'node:path';
import type { PreTrainedModel, PreTrainedTokenizer, Processor, Tensor } from '@huggingface/transformers';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { ModelDescription, SamplingOptions } from '../../core/generator.js';
import type { ScoredAnswer } from '../../core/runtime.js';
import { decodeImage } from '../../vision/intake/decode-image.js';
import type { Checkpoint } from '../worker/find-checkpoint.js';
import type { WorkerAnswer, WorkerRequest, WorkerToken } from '../worker/worker-generator.js';
import { TokenText } from './token-text.js';
import type { TransformersJs } from './transformers-js-package.js';
import type { TransformersJsLoad } from './transformers-js-protocol.js';

/** What a failed allocation of ONNX Runtime or of JavaScript says. */
const OUT_OF_MEMORY = /bad_alloc|out of memory|failed to allocate|array buffer allocation failed|invalid array length/i;

interface Parts {
  readonly library: TransformersJs;
  readonly model: PreTrainedModel;
  readonly tokenizer: PreTrainedTokenizer;
  /** null for a model that reads only. */
  readonly processor: Processor | null;
  readonly contextLength: number | null;
}

/** A model of ONNX files and its tokeniser; lives in the process of Transformers.js. */
export class TransformersJsModel {
  private constructor(
    readonly description: ModelDescription,
    private readonly parts: Parts,
  ) {}

  /** @throws LOAD_ERROR naming the precisions that there are; MODEL_UNSUPPORTED, OUT_OF_MEMORY */
  static async load(library: TransformersJs, { checkpoint, dtype, threads, context }: TransformersJsLoad): Promise<TransformersJsModel> {
    const start = performance.now();
    const name = configure(library, checkpoint);
    try {
      await requireDtype(library, name, dtype, checkpoint);
      const files = await library.ModelRegistry.get_model_files(name, { dtype: dtype as 'fp32' });
      const sees = files.some((file) => /vision_encoder|encode_image/.test(file));
      const options = {
        dtype: dtype as 'fp32',
        ...(threads !== null && { session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 } }),
      };
      const processor = sees ? await library.AutoProcessor.from_pretrained(name) : null;
      const tokenizer = processor?.tokenizer ?? (await library.AutoTokenizer.from_pretrained(name));
      const factory = sees ? library.AutoModelForImageTextToText : library.AutoModelForCausalLM;
      const model = await factory.from_pretrained(name, options);
      const own = wholeNumber(textConfig(model.config), 'max_position_embeddings');
      const contextLength = context === null || own === null ? (context ?? own) : Math.min(context, own);
      const description: ModelDescription = {
        name: displayName(checkpoint),
        architecture: text(model.config, 'model_type') ?? 'unknown',
        precision: dtype,
        parameters: null,
        contextLength,
        vocabularySize: wholeNumber(textConfig(model.config), 'vocab_size'),
        vision: null,
        weightBytes: null,
        cacheBytes: null,
        load_ms: performance.now() - start,
        warnings: context !== null && own !== null && context > own ? [`the model has a context of ${own} tokens, not ${context}`] : [],
      };
      return new TransformersJsModel(description, { library, model, tokenizer, processor, contextLength });
    } catch (thrown) {
      throw explain(thrown, 'LOAD_ERROR');
    }
  }

  /** @throws CONTEXT_FULL, TEMPLATE_FAILED, MODEL_UNSUPPORTED, OUT_OF_MEMORY; as `decodeImage` */
  async generate(
    request: WorkerRequest,
    queue_ms: number,
    signal: AbortSignal,
    onToken: (token: WorkerToken) => void,
    forced?: Forced,
  ): Promise<WorkerAnswer> {
    const { library, model, tokenizer } = this.parts;
    const start = performance.now();
    const prompt = this.#prompt(request);
    const templated_ms = performance.now() - start;
    const { inputs, pictures } = await this.#inputs(request, prompt);
    const prepared_ms = performance.now() - start - templated_ms;
    const ids = inputs['input_ids'];
    if (!(ids instanceof library.Tensor)) throw new EdgeVlmError('INTERNAL', 'the tokeniser gave no tokens');
    const promptTokens = ids.dims.at(-1) ?? 0;
    const { room, warnings } = this.#room(promptTokens, request.maxTokens);

    const ends = endTokens(model);
    const decoded = new TokenText((tokens) => tokenizer.decode(tokens, { skip_special_tokens: true }));
    const times: number[] = [];
    let last: number | undefined;
    const stop = new library.InterruptableStoppingCriteria();
    const streamer = new Listener((token) => {
      times.push(performance.now());
      last = token;
      if (!ends.has(token)) onToken({ token, text: decoded.push(token) });
    });
    const abort = (): void => {
      stop.interrupt();
    };
    signal.addEventListener('abort', abort, { once: true });
    const encoder = new EncoderWatch(model);
    const begin = performance.now();
    try {
      const sampling = samplingOptions(library, request.sampling, warnings);
      // Every option of generation_config.json that is not replaced here would be obeyed by this runtime alone.
      const options = {
        ...{ ...inputs, ...sampling, max_new_tokens: room, streamer, stopping_criteria: stop },
        ...(forced && { logits_processor: [forced.process] }),
      };
      // Its declared parameters are those of every model at once.
      if (!signal.aborted) await (model.generate.bind(model) as (options: object) => Promise<unknown>)(options);
    } catch (thrown) {
      throw explain(thrown, 'ENGINE_CRASHED');
    } finally {
      encoder.end();
      signal.removeEventListener('abort', abort);
    }
    const encode_ms = pictures === 0 ? 0 : encoder.total_ms;
    const [first, end] = [times[0], times.at(-1)];
    return {
      finishReason: last !== undefined && ends.has(last) ? 'stop' : signal.aborted ? 'cancelled' : 'length',
      promptTokens,
      imageTokens: pictures === 0 ? 0 : countImageTokens(model, ids),
      stages: {
        queue_ms,
        tokenise_ms: templated_ms + (pictures === 0 ? prepared_ms : 0),
        prepare_ms: pictures === 0 ? 0 : prepared_ms,
        encode_ms,
        prefill_ms: first === undefined ? null : Math.max(0, first - begin - (encode_ms ?? 0)),
        decode_ms: first === undefined || end === undefined ? 0 : end - first,
        sample_ms: null,
      },
      warnings,
    };
  }

  /** Leads the model along an answer. @throws as `generate` */
  async score(request: WorkerRequest, tokens: readonly number[], signal: AbortSignal): Promise<ScoredAnswer> {
    const forced = new Forced(tokens);
    const { promptTokens } = await this.generate({ ...request, sampling: {} }, 0, signal, () => undefined, forced);
    return { promptTokens, logits: forced.logits };
  }

  async close(): Promise<void> {
    await this.parts.model.dispose();
  }

  #prompt({ input }: WorkerRequest): string {
    if ('prompt' in input) return input.prompt;
    const sees = this.parts.processor !== null;
    const messages = input.messages.map(({ role, content }) => {
      const parts = content.map((part) => {
        if (part.type === 'text') return { type: 'text', text: part.text };
        if (!sees) throw new EdgeVlmError('MODEL_UNSUPPORTED', 'this model reads text only');
        return { type: 'image' };
      });
      // Templates of text models know no parts.
      return { role, content: sees ? parts : parts.map((part) => ('text' in part ? part.text : '')).join('') };
    });
    try {
      const from = this.parts.processor ?? this.parts.tokenizer;
      const prompt = from.apply_chat_template(messages, {
        add_generation_prompt: true,
        tokenize: false,
      });
      if (typeof prompt === 'string') return prompt;
    } catch (cause) {
      throw new EdgeVlmError('TEMPLATE_FAILED', `the model's chat template does not work: ${EdgeVlmError.from(cause).message}`, { cause });
    }
    throw new EdgeVlmError('TEMPLATE_FAILED', "the model's chat template gives no text");
  }

  async #inputs({ input }: WorkerRequest, prompt: string): Promise<{ inputs: Record<string, unknown>; pictures: number }> {
    const { library, processor, tokenizer } = this.parts;
    const pictures = 'prompt' in input ? [] : input.messages.flatMap(({ content }) => content.filter((part) => part.type === 'picture'));
    const images = await Promise.all(
      pictures.map(async ({ bytes }) => {
        const { rgb, width, height } = await decodeImage(bytes);
        return new library.RawImage(rgb, width, height, 3);
      }),
    );
    if (processor !== null && images.length > 0) {
      const given: unknown = await processor(prompt, images);
      return { inputs: { ...(given as object) }, pictures: images.length };
    }
    // A template has written the special tokens already.
    const given: unknown = tokenizer(prompt, { add_special_tokens: 'prompt' in input });
    return { inputs: { ...(given as object) }, pictures: 0 };
  }

  /** As many tokens as were asked for, or as the context has room for. The last token is never fed back and needs none. */
  #room(promptTokens: number, asked: number): { room: number; warnings: string[] } {
    const { contextLength } = this.parts;
    const room = contextLength === null ? asked : contextLength - promptTokens + 1;
    if (room < 1) throw new EdgeVlmError('CONTEXT_FULL', `the prompt has ${promptTokens} tokens, the context ${contextLength ?? 0}`);
    return asked <= room ? { room: asked, warnings: [] } : { room, warnings: [`only ${room} of ${asked} new tokens fit into the context`] };
  }
}

/** Points the library at a folder, or at the hub; gives the name that it is to be asked for. */
function configure({ env, LogLevel }: TransformersJs, checkpoint: Checkpoint): string {
  // It would write the pixels of a failed picture to standard error.
  env.logLevel = LogLevel.NONE;
  const { home } = dataDirectories();
  env.cacheDir = join(home, 'transformers-js', 'cache');
  if ('hub' in checkpoint) {
    env.localModelPath = join(home, 'models');
    env.allowRemoteModels = [process.env['HF_HUB_OFFLINE'], process.env['TRANSFORMERS_OFFLINE']].every((set) => !set || set === '0');
    const host = process.env['HF_ENDPOINT'];
    if (host) env.remoteHost = host.endsWith('/') ? host : `${host}/`;
    return checkpoint.hub;
  }
  env.allowRemoteModels = false;
  env.localModelPath = dirname(checkpoint.folder);
  return basename(checkpoint.folder);
}

async function requireDtype({ ModelRegistry }: TransformersJs, name: string, dtype: string, checkpoint: Checkpoint): Promise<void> {
  const available = await ModelRegistry.get_available_dtypes(name);
  if (available.includes(dtype)) return;
  const there = available.length === 0 ? 'no precision has all the files that this model needs' : `there are ${available.join(', ')}`;
  throw new EdgeVlmError('LOAD_ERROR', `${displayName(checkpoint)} has no files of precision ${dtype}: ${there}`, {
    hint: 'Choose one that is there with --quantization or --precision, or export the model again.',
  });
}

function explain(thrown: unknown, code: 'LOAD_ERROR' | 'ENGINE_CRASHED'): EdgeVlmError {
  if (thrown instanceof EdgeVlmError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (OUT_OF_MEMORY.test(message)) return new EdgeVlmError('OUT_OF_MEMORY', message, { cause: thrown });
  if (/unsupported model type/i.test(message)) return new EdgeVlmError('MODEL_UNSUPPORTED', message, { cause: thrown });
  return new EdgeVlmError(code, message, { cause: thrown });
}

function samplingOptions(library: TransformersJs, sampling: SamplingOptions = {}, warnings: string[]): object {
  const { temperature = 0, topK = 40, topP = 0.95, minP = 0.05, repeatPenalty = 1, seed = 0 } = sampling;
  if (temperature <= 0) return { do_sample: false, repetition_penalty: 1, num_beams: 1 };
  if (topP < 1 || minP > 0) warnings.push('Transformers.js samples by temperature and top-k only');
  const { random } = library;
  (random.seed as (seed: number) => void)(seed);
  return { do_sample: true, temperature, top_k: topK, repetition_penalty: repeatPenalty, num_beams: 1 };
}

/** Hears of each token as soon as it is chosen. The library asks for no more than these two methods. */
class Listener {
  #atPrompt = true;

  constructor(private readonly onToken: (token: number) => void) {}

  put(value: readonly (readonly bigint[])[]): void {
    if (this.#atPrompt) this.#atPrompt = false;
    else this.onToken(Number(value[0]?.[0] ?? -1));
  }

  end(): void {
    // The last token was told when it came.
  }
}

/** Keeps what each token of an answer would be chosen from, and leaves nothing but that token to choose. */
class Forced {
  readonly logits: Float32Array[] = [];

  constructor(private readonly tokens: readonly number[]) {}

  /** A processor of logits, as the library calls them. @param scores [1, vocabulary] */
  readonly process = (_: unknown, scores: Tensor): Tensor => {
    // Any token ends the answer where there is no room for another.
    const token = this.tokens[this.logits.length] ?? 0;
    const data: unknown = scores.data;
    if (!(data instanceof Float32Array)) throw new EdgeVlmError('INTERNAL', `logits are ${scores.type}, not float32`);
    this.logits.push(data.slice());
    data.fill(-Infinity);
    data[token] = 0;
    return scores;
  };
}

/** Times the vision half of models that have it behind one method. */
class EncoderWatch {
  total_ms: number | null = null;

  constructor(private readonly model: PreTrainedModel) {
    const encode = model.encode_image.bind(model);
    model.encode_image = async (inputs: unknown): Promise<unknown> => {
      const start = performance.now();
      try {
        return await encode(inputs);
      } finally {
        this.total_ms = (this.total_ms ?? 0) + performance.now() - start;
      }
    };
  }

  end(): void {
    Reflect.deleteProperty(this.model, 'encode_image');
  }
}

function endTokens({ generation_config: generation, config }: PreTrainedModel): Set<number> {
  const value: unknown = field(generation, 'eos_token_id') ?? field(config, 'eos_token_id');
  return new Set((Array.isArray(value) ? value : [value]).filter((token) => typeof token === 'number'));
}

function countImageTokens({ config }: PreTrainedModel, { data }: Tensor): number | null {
  const token = wholeNumber(config, 'image_token_id') ?? wholeNumber(config, 'image_token_index');
  if (token === null || !(data instanceof BigInt64Array)) return null;
  return data.reduce((count, one) => count + (one === BigInt(token) ? 1 : 0), 0);
}

function displayName(checkpoint: Checkpoint): string {
  if ('hub' in checkpoint) return checkpoint.hub;
  const name = basename(checkpoint.folder);
  return name === 'onnx' ? basename(dirname(checkpoint.folder)) : name;
}

function textConfig(config: unknown): unknown {
  return field(config, 'text_config') ?? config;
}

function field(from: unknown, name: string): unknown {
  return typeof from === 'object' && from !== null ? Reflect.get(from, name) : undefined;
}

function wholeNumber(from: unknown, name: string): number | null {
  const value = field(from, name);
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}

function text(from: unknown, name: string): string | null {
  const value = field(from, name);
  return typeof value === 'string' ? value : null;
}
