/** How requests are held back for one that writes what they would read. */
export interface GateOptions {
  /** @default 'on': in `optimize` mode; no other mode holds anything back */
  readonly state: 'on' | 'off';
  /** The longest that a request waits in all, in ms. @default null: 30 s, and once times are learned their p99, at most 10 s */
  readonly deadlineMs: number | null;
  /** Estimated tokens that waiting must save. @default 2000 */
  readonly minTokens: number;
  /** Requests that wait at once; more go at once. @default 1000 */
  readonly waitingMax: number;
  /** Who writes what in a fleet of gateways. @default null: this engine's own requests alone */
  readonly leases: GateLeases | null;
}

export const defaultGateOptions: GateOptions = {
  state: 'on',
  deadlineMs: null,
  minTokens: 2000,
  waitingMax: 1000,
  leases: null,
};

/** Leases on prefixes that are being written, for all gateways of a fleet. A call that fails means: go on alone. */
export interface GateLeases {
  /**
   * Takes the leases of names, all or none.
   *
   * @param owner a name of its own for each request that writes
   * @returns those that others have written of late, which can be read; null: another is writing one of them
   */
  take(names: readonly string[], owner: string, ttlMs: number): Promise<readonly string[] | null>;
  /** What the owner wrote can be read now: nobody waits for these names for a while. */
  settle(names: readonly string[], owner: string): Promise<void>;
  /** The owner will not write them: the next one may. */
  release(names: readonly string[], owner: string): Promise<void>;
}
