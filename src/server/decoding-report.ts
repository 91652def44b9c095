import type { Static } from 'typebox';
import type { DecodingStatistics } from '../core/decoding.js';
import type { DecodingReport } from './schemas/answer-schema.js';

/** What a decoding strategy did, in the spelling of HTTP bodies; null where the runtime does not tell. */
export function decodingReport(statistics: DecodingStatistics | undefined): Static<typeof DecodingReport> {
  if (statistics === undefined) return null;
  const { strategy, passes, drafted, judged, accepted, exits, layerEquivalents, fullLayerEquivalents, costs } = statistics;
  return {
    ...{ strategy, passes, drafted, judged, accepted, exits },
    layer_equivalents: layerEquivalents,
    full_layer_equivalents: fullLayerEquivalents,
    costs: costs === null ? null : { draft_ms: [...costs.draft_ms], verify_ms: [...costs.verify_ms] },
  };
}
