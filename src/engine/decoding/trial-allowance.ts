/** Time that may be lost in finding out whether another choice would be faster: a share of all time, spent as it is there. */
export class TrialAllowance {
  #left_ms = 0;
  /** The try under way: what it is expected to lose, and to take. */
  #trial: { readonly loss_ms: number; readonly pass_ms: number } | null = null;

  /** @param share of all time, 0 to 1 */
  constructor(private readonly share: number) {}

  /** Whether there is enough for what the next pass is expected to lose. @param pass_ms what it is expected to take */
  pays(loss_ms: number, pass_ms: number): boolean {
    const enough = loss_ms < this.#left_ms;
    if (enough) this.#trial = { loss_ms: Math.max(0, loss_ms), pass_ms };
    return enough;
  }

  /** So much may be lost beyond the share. */
  grant(ms: number): void {
    this.#left_ms += ms;
  }

  /**
   * A pass is over.
   * @param built whether a graph had to be built: that is lost as well. What else holds a try up is not its fault.
   * @param lost_ms where the try came to nothing, what was lost instead
   */
  spend(pass_ms: number, built: boolean, lost_ms?: number): void {
    this.#left_ms += this.share * pass_ms;
    if (this.#trial === null) return;
    const { loss_ms, pass_ms: expected_ms } = this.#trial;
    this.#left_ms -= lost_ms ?? loss_ms + (built ? Math.max(0, pass_ms - expected_ms) : 0);
    this.#trial = null;
  }
}
