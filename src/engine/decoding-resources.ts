import type { DecodingOptions, DecodingStrategyName, SpeculationCosts } from '../core/decoding.js';
import { EdgeVlmError } from '../core/errors.js';
import { smallFastCounter } from '../core/small-fast-counter.js';
import type { DecoderShape } from './decoders/decoder.js';
import type { RejectionSampling } from './decoding/decoding-strategy.js';
import { DraftController } from './decoding/draft-controller.js';
import { resolveDecoding, type ResolvedDecoding } from './decoding/resolve-decoding.js';
import type { DraftModel } from './draft-model.js';
import type { LayeredModel } from './layered-sequence.js';
import { createSampler } from './sampling/create-sampler.js';
import type { ResolvedSampling } from './sampling/resolve-sampling.js';

/** Costs measured before, by strategy; for this model, draft and device. */
export type KnownCosts = Readonly<Partial<Record<DecodingStrategyName, SpeculationCosts>>>;

/** More settings than anybody uses side by side; requests may name any. */
const CONTROLLERS_KEPT = 64;
const LAYERED: ReadonlySet<DecodingStrategyName> = new Set<DecodingStrategyName>(['self-speculative', 'early-exit']);

/** What decoding strategies need beside the target, kept from answer to answer. */
export class DecodingResources implements Disposable {
  readonly #controllers = new Map<string, DraftController>();
  #layered: LayeredModel | undefined;

  /** @param makeLayered called when a strategy first runs layer by layer */
  constructor(
    private readonly shape: DecoderShape,
    private readonly defaults: DecodingOptions,
    readonly draft: DraftModel | null,
    private readonly makeLayered: () => LayeredModel,
    private readonly knownCosts: KnownCosts,
  ) {}

  /** The options of one answer over those of the engine; with a draft, `speculative` is the default. @throws USAGE */
  resolve(options: DecodingOptions | undefined): ResolvedDecoding {
    const decoding = resolveDecoding({ ...(this.draft !== null && { strategy: 'speculative' }), ...this.defaults, ...options }, this.shape);
    if (decoding.strategy === 'speculative' && this.draft === null) {
      throw new EdgeVlmError('USAGE', 'speculative decoding needs a draft model: --draft FILE, or ngram or self-speculative decoding');
    }
    return decoding;
  }

  /** The target layer by layer, for a strategy that runs it so. @throws USAGE where the cache's policy cannot */
  layered({ strategy }: ResolvedDecoding): LayeredModel | null {
    if (!LAYERED.has(strategy)) return null;
    return (this.#layered ??= this.makeLayered());
  }

  controller({ strategy, draftTokens, adaptive, draftLayers, verification }: ResolvedDecoding): DraftController {
    const key = [strategy, draftTokens, adaptive, draftLayers, verification].join();
    const known = this.#controllers.get(key);
    if (known !== undefined) return known;
    const made = new DraftController({ draftTokens, adaptive, costs: this.knownCosts[strategy] });
    this.#controllers.set(key, made);
    const [oldest] = this.#controllers.keys();
    if (oldest !== undefined && this.#controllers.size > CONTROLLERS_KEPT) this.#controllers.delete(oldest);
    return made;
  }

  /** null where guesses are matched: the likeliest token is the same either way. The caller disposes of it. */
  rejection({ verification }: ResolvedDecoding, sampling: ResolvedSampling): (RejectionSampling & Disposable) | null {
    if (verification === 'match' || sampling.temperature === 0) return null;
    const next = smallFastCounter(sampling.seed);
    const drafts = createSampler(this.shape.vocabulary, { ...sampling, repeatPenalty: 1, frequencyPenalty: 0, presencePenalty: 0 });
    return {
      random: () => next() / 2 ** 32,
      drafts: { probabilities: (logits) => drafts.probabilities(logits) },
      [Symbol.dispose]: () => {
        drafts[Symbol.dispose]();
      },
    };
  }

  [Symbol.dispose](): void {
    this.#layered?.layerRunner[Symbol.dispose]();
    this.draft?.[Symbol.dispose]();
  }
}
