import type { PlannedRequest } from '../learned/index.ts';
import { Account, type Outlay } from './account.ts';
import { BranchSample } from './branch-sample.ts';
import { Standing } from './standing.ts';
import type { Settlement, World } from './worlds.ts';

/** Whose requests are judged together. */
export interface FamilyOf {
  /** Scope and model. */
  readonly group: string;
  /** Tools and system: `PlannedRequest.application`. */
  readonly application: number;
}

/** How one family stands, for people. */
export interface FamilyStanding extends FamilyOf {
  readonly world: World;
  readonly requests: number;
  /** Cost by world over the last five hundred requests or so, in uncached input tokens. */
  readonly costs: Readonly<Record<World, number>>;
}

/** Families of a generation; those that two of them did not ask for are forgotten. */
const GENERATION_MAX = 10_000;

/** Standings by name, with a limit. */
class Standings<Key> {
  #young = new Map<Key, Standing>();
  #old = new Map<Key, Standing>();

  get(key: Key): Standing {
    const young = this.#young.get(key);
    if (young) return young;
    const standing = this.#old.get(key) ?? new Standing();
    if (this.#young.size >= GENERATION_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, standing);
    return standing;
  }

  entries(): readonly (readonly [Key, Standing])[] {
    const older = [...this.#old].filter(([key]) => !this.#young.has(key));
    return [...this.#young, ...older];
  }
}

/** Groups remembered; the oldest go first. */
const GROUPS_MAX = 1000;

/** A scope and model: its families, and what they have paid together. */
interface Group {
  readonly families: Standings<number>;
  readonly account: Account;
}

/**
 * Keeps our own plan from costing more than what it replaces. For every prefix family it is told what each request costs
 * in each world, whichever of them was followed, so what was not done is known as well as what was. Where our own plan
 * has lost more than it may, the family steps back to the best of the others, and returns when the plan, which is made
 * and priced all along, has won again. Whichever world is followed, a request whose writing its scope and model cannot
 * afford is sent without. Pure: whoever simulates the worlds hands in their costs, and the time comes with the requests.
 *
 * @example
 * const world = guard.worldFor(family);
 * // ... place what that world places; nothing, unless guard.canAfford(family, { atMs, atMost }, () => outlay) ...
 * // ... and simulate all of them ...
 * guard.settle(family, { costs, sent: costs[world], paidPremium, writePremium }, atMs);
 */
export class NeverWorse {
  readonly #groups = new Map<string, Group>();
  readonly #sample = new BranchSample();

  /** Should this request be simulated and settled? Where there are more than are needed, only a share is. */
  isFollowed(request: PlannedRequest): boolean {
    return this.#sample.isFollowed(request);
  }

  /** The world that a request of a family follows. */
  worldFor(family: FamilyOf): World {
    return this.#standingOf(family).active;
  }

  /**
   * May a request be sent as its world has it? Not where it would cost more than not caching, and by more than its scope
   * and model can bear.
   *
   * @param atMost what it could cost over not caching, whatever is in the cache: where that can be borne nothing is priced
   */
  canAfford(
    family: FamilyOf,
    { atMs, atMost }: { readonly atMs: number; readonly atMost: number },
    price: () => Outlay,
  ): boolean {
    const room = this.#groupOf(family.group).account.roomAt(atMs);
    if (atMost <= room) return true;
    const { cost, none, paidPremium } = price();
    if (cost <= none) return true;
    return cost - none - this.#standingOf(family).premiumRise(paidPremium) <= room;
  }

  settle(family: FamilyOf, settlement: Settlement, atMs: number): void {
    const { costs, sent, paidPremium } = settlement;
    const standing = this.#standingOf(family);
    const outlay = { cost: sent, none: costs.none, paidPremium };
    // Where the client's markers stay, not caching is not ours to choose.
    if (costs.none < Infinity)
      this.#groupOf(family.group).account.settle(outlay, standing.premiumRise(paidPremium), atMs);
    standing.settle(settlement, atMs);
  }

  /** How much dearer our own plan has been of late than a world, as a share of the latter; negative when it was cheaper. */
  lossAgainst(family: FamilyOf, world: World): number {
    const standing = this.#standingOf(family);
    return standing.costOf('own') / Math.max(1, standing.costOf(world)) - 1;
  }

  /** All families that are remembered. */
  standings(): readonly FamilyStanding[] {
    return [...this.#groups].flatMap(([group, { families }]) =>
      families.entries().map(([application, standing]) => ({
        group,
        application,
        world: standing.active,
        requests: standing.requests,
        costs: {
          own: standing.costOf('own'),
          client: standing.costOf('client'),
          automatic: standing.costOf('automatic'),
          none: standing.costOf('none'),
        },
      })),
    );
  }

  #standingOf({ group, application }: FamilyOf): Standing {
    return this.#groupOf(group).families.get(application);
  }

  #groupOf(name: string): Group {
    const known = this.#groups.get(name);
    if (known) return known;
    const made = { families: new Standings<number>(), account: new Account() };
    this.#groups.set(name, made);
    const [oldest] = this.#groups.keys();
    if (this.#groups.size > GROUPS_MAX && oldest !== undefined) this.#groups.delete(oldest);
    return made;
  }
}
