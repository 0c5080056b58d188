/** Requests a second whose uses are followed, and how many more in a burst: habits show in a sample as well. */
const FOLLOWED_PER_SECOND = 10;
const FOLLOWED_AT_ONCE = 10_000;

/** Chooses the requests whose uses are followed: all of them, unless there are more than are needed. */
export class Following {
  #credit = FOLLOWED_AT_ONCE;
  #creditMs = 0;

  isFollowed(nowMs: number): boolean {
    // A clock that is set back must not run up a debt.
    const earned = (Math.max(0, nowMs - this.#creditMs) / 1000) * FOLLOWED_PER_SECOND;
    this.#credit = Math.min(FOLLOWED_AT_ONCE, this.#credit + earned);
    this.#creditMs = nowMs;
    if (this.#credit < 1) return false;
    this.#credit -= 1;
    return true;
  }
}
