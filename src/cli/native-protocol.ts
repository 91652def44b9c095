import type { ForcedAnswer } from '../bench/scenarios/ablation/ablation-metrics.js';
import type { CheckOptions, CheckReport } from '../convert/check/check-model.js';
import type { QuantiseFileRequest } from '../convert/quantise/quantise-file.js';
import type { SynthesizeReport, SynthesizeRequest } from '../convert/synthesize/synthesize-model.js';
import type { CalibrateRequest, Calibrated } from './calibration/calibrate-model.js';
import type { CompareForcedRequest } from './forced/compare-forced.js';
import type { ProgressEvent } from '../core/progress.js';

/** What the commands that make and check models have done in a process of its own: native code that ends it ends nothing else. */
export interface NativeProtocol {
  quantise: { request: QuantiseFileRequest; event: ProgressEvent; result: null };
  synthesize: { request: SynthesizeRequest; event: ProgressEvent; result: SynthesizeReport };
  check: { request: Omit<CheckOptions, 'onProgress' | 'signal'>; event: ProgressEvent; result: CheckReport };
  calibrate: { request: CalibrateRequest; event: ProgressEvent; result: Calibrated };
  compareForced: { request: CompareForcedRequest; event: ProgressEvent; result: ForcedAnswer[] };
}
