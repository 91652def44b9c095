/** Time that may be lost in finding out whether another choice would be faster: a share of all time, spent as it is there. */
export class TrialAllowance {
  #left_ms = 0;
  #loss_ms = 0;

  /** @param share of all time, 0 to 1 */
  constructor(private readonly share: number) {}

  /** Whether there is enough for what the next pass is expected to lose. */
  pays(loss_ms: number): boolean {
    const enough = loss_ms < this.#left_ms;
    if (enough) this.#loss_ms = Math.max(0, loss_ms);
    return enough;
  }

  /** So much may be lost beyond the share. */
  grant(ms: number): void {
    this.#left_ms += ms;
  }

  /** A pass is over. @param tried whether anything was guessed: where nothing came to the guesser's mind, nothing was lost */
  spend(pass_ms: number, tried: boolean): void {
    this.#left_ms += this.share * pass_ms - (tried ? this.#loss_ms : 0);
    this.#loss_ms = 0;
  }
}
