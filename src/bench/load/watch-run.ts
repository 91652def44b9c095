import type { MemoryReading } from '../../core/probe.js';
import type { GeneratorAudit } from '../../core/run-record.js';
import { openProcessTree } from '../probes/open-process-tree.js';
import { ResourceSampler, type SampledResources } from '../probes/resources/resource-sampler.js';
import { GeneratorWatch } from './generator-watch.js';

/** What was used while something was measured, and what the measuring process did to it. */
export interface WatchedRun {
  /** Of the model's processes, and of the machine. */
  readonly resources: SampledResources;
  /** Of this process. */
  readonly audit: GeneratorAudit;
  /** Of the model's processes, at the end. */
  readonly after: MemoryReading;
}

/**
 * Watches the model's processes, the machine and this process from the first answer to the last.
 * @param pids the model's processes, which live until this returns; all that they start counts, too @throws what `work` throws
 */
export async function watchRun<T>(pids: () => readonly number[], work: () => Promise<T>): Promise<WatchedRun & { readonly result: T }> {
  const sampler = ResourceSampler.start({ pids });
  const generator = new GeneratorWatch();
  try {
    const result = await work();
    const audit = generator.stop();
    const after = await sampler.memory();
    return { result, audit, after, resources: await sampler.stop() };
  } catch (thrown) {
    generator.stop();
    await sampler.stop();
    throw thrown;
  }
}

/** Memory of some processes and all that they started, PSS included, right now. */
export async function readTreeMemory(pids: () => readonly number[]): Promise<MemoryReading> {
  const tree = openProcessTree(pids);
  try {
    return (await tree.read({ pss: true })).memory;
  } finally {
    await tree.close();
  }
}
