import vm from 'node:vm';

import { EdgeVlmError } from '../../core/errors.js';
import { BoundedTemplate } from './bounded-template.js';

/** A message as templates take it: a string, or typed parts. */
export interface TemplateMessage {
  readonly role: string;
  readonly content: string | readonly ({ readonly type: 'text'; readonly text: string } | { readonly type: 'image' })[];
}

/** A template comes from a model file, so it may be made to loop for ever or to grow without end. Processor time. */
const TIME_LIMIT_MS = 1000;
/** Wall time at most: a machine that is busy with other things gives a template less of the processor. */
const LONGEST_WAIT_MS = 16_000;
const MAX_TEMPLATE_CHARACTERS = 256 * 1024;
const MAX_PROMPT_CHARACTERS = 16 * 1024 * 1024;

/** A model's Jinja chat template. */
export class ChatTemplate {
  /** Whether the template reads typed parts; older ones take strings only. */
  readonly takesParts: boolean;
  readonly #template: BoundedTemplate;

  /**
   * @param tokens spellings that templates refer to
   * @throws TEMPLATE_FAILED when it does not parse, in time
   */
  constructor(
    source: string,
    private readonly tokens: { readonly bos_token: string; readonly eos_token: string },
  ) {
    if (source.length > MAX_TEMPLATE_CHARACTERS)
      throw new EdgeVlmError('TEMPLATE_FAILED', `the chat template has ${source.length} characters`);
    this.#template = withinTime(() => new BoundedTemplate(source));
    this.takesParts = this.#readsParts();
  }

  /** The prompt, up to where the assistant's answer begins. @throws TEMPLATE_FAILED */
  render(messages: readonly TemplateMessage[]): string {
    const prompt = withinTime(() =>
      this.#template.render({
        ...this.tokens,
        messages,
        add_generation_prompt: true,
      }),
    );
    if (prompt.length > MAX_PROMPT_CHARACTERS)
      throw new EdgeVlmError('TEMPLATE_FAILED', `the chat template made ${prompt.length} characters`);
    return prompt;
  }

  /** Shows the template a message in parts and looks whether its text comes out as text. */
  #readsParts(): boolean {
    const probe = 'edgevlm probe';
    try {
      const rendered = this.render([{ role: 'user', content: [{ type: 'text', text: probe }] }]);
      return rendered.includes(probe) && !rendered.includes('"type"') && !rendered.includes("'type'");
    } catch {
      return false;
    }
  }
}

/**
 * `vm` is no sandbox here: it is what lets V8 end a loop that never yields. One context serves all calls: V8 frees contexts, 0.2 MB each, in
 * full collections only, and with one for every request the engine grew from 130 to 440 MiB in between.
 */
const timed: { work: (() => unknown) | null } = { work: null };
const timedCall = new vm.Script('work()');
vm.createContext(timed);

function withinTime<T>(work: () => T): T {
  for (let wait_ms = TIME_LIMIT_MS; ; wait_ms *= 2) {
    const start = process.cpuUsage();
    try {
      timed.work = work;
      return timedCall.runInContext(timed, { timeout: wait_ms }) as T;
    } catch (thrown) {
      if (thrown instanceof EdgeVlmError) throw thrown;
      const { user, system } = process.cpuUsage(start);
      const starved = isTimeout(thrown) && (user + system) / 1000 < TIME_LIMIT_MS && wait_ms < LONGEST_WAIT_MS;
      if (starved) continue;
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      throw new EdgeVlmError('TEMPLATE_FAILED', `the chat template fails: ${message}`, { cause: thrown });
    } finally {
      timed.work = null;
    }
  }
}

/** Node makes this error in the other context, whose `Error` is not this one's. */
function isTimeout(thrown: unknown): boolean {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
