/** What the admin listener answers, as far as the pages read it. A test holds these against what it sends. */

export type Against = 'noCaching' | 'client' | 'automatic';

export interface Tokens {
  readonly uncachedTokens: number;
  readonly readTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
  readonly outputTokens: number;
}

export interface MissSum {
  readonly reason: string;
  readonly requests: number;
  readonly costUsd: number;
}

interface Sums extends Tokens {
  readonly requests: number;
  readonly costUsd: number;
  readonly ownCostUsd: number;
  /** Signed: negative is a loss. */
  readonly savedUsd: Readonly<Record<Against, number>>;
  readonly misses: readonly MissSum[];
}

/** `/api/v1/summary` */
export interface Summary extends Sums {
  readonly hitRatio: number | null;
}

/** A row of `/api/v1/timeline`. */
export interface TimelineRow extends Sums {
  readonly atMs: number;
  readonly model: string;
}

/** `/api/v1/timeline` */
export interface Timeline {
  readonly bucketMs: number;
  readonly rows: readonly TimelineRow[];
}

export interface MissRecord {
  readonly reason: string;
  readonly tokens: number;
  readonly costPicoUsd: string;
  readonly evidence: {
    readonly detail: string | null;
    readonly level: string | null;
    readonly path: string | null;
    readonly byteRange: readonly [number, number] | null;
    readonly previousId: string | null;
    readonly ageMs: number | null;
    readonly minimumTokens: number | null;
  };
}

export interface Shape {
  readonly blocks: Readonly<Record<Level, number>>;
  readonly bytes: Readonly<Record<Level, number>>;
  readonly toolsHash: string | null;
  readonly systemHash: string | null;
  readonly settingsHash: string;
}

export type Level = 'tools' | 'system' | 'messages';

export interface Plan {
  readonly added: readonly {
    readonly place: string;
    readonly path: string;
    readonly ttl: string;
    readonly reason: string;
  }[];
  readonly declined: readonly { readonly place: string; readonly reason: string }[];
  readonly isApplied: boolean;
}

/** A record of `/api/v1/requests`. */
export interface RequestRecord {
  readonly id: string;
  readonly atMs: number;
  readonly scope: string;
  readonly tags: readonly string[];
  readonly model: string;
  readonly modelNote: string | null;
  readonly mode: string;
  readonly status: number;
  readonly usage: Tokens | null;
  readonly costUsd: number | null;
  readonly prediction: {
    readonly readTokens: number;
    readonly write5mTokens: number;
    readonly write1hTokens: number;
    readonly uncachedTokens: number;
    readonly readAgeMs?: number | null;
    readonly readTtl?: string | null;
  } | null;
  readonly savings: {
    readonly noCachingPicoUsd: string;
    readonly clientPicoUsd: string;
    readonly automaticPicoUsd: string;
  } | null;
  readonly misses: readonly MissRecord[];
  readonly shape: Shape | null;
  readonly plan: Plan | null;
  readonly gate: { readonly role: string; readonly waitedMs: number; readonly savedTokens: number } | null;
  readonly responses: { readonly outcome: string; readonly detail: string | null } | null;
  readonly skipReason: string | null;
  readonly isResent: boolean;
  readonly isPartial: boolean;
  readonly error: string | null;
  readonly firstByteMs: number | null;
  readonly totalMs: number | null;
}

/** A finding of `/api/v1/findings`. */
export interface Finding {
  readonly code: string;
  readonly model: string;
  readonly sentence: string;
  readonly advice: string;
  readonly seen: number;
  readonly requests: number;
  readonly costUsd: number;
  readonly lastMs: number;
}

export interface PingTotals {
  readonly pings: number;
  readonly used: number;
  readonly costUsd: number;
  readonly savedUsd: number;
  readonly netUsd: number;
}

/** `/api/v1/keep-alive` */
export interface KeepAlive {
  readonly state: string;
  readonly kept: number;
  readonly letGo: Readonly<Record<string, number>>;
  readonly failures: number;
  readonly note: string | null;
  readonly totals: PingTotals;
  readonly observed: PingTotals;
  readonly pings: readonly {
    readonly id: string;
    readonly atMs: number;
    readonly model: string;
    readonly status: number;
    readonly isUsed: boolean | null;
    readonly costUsd: number;
    readonly savedUsd: number;
    readonly netUsd: number;
  }[];
}

/** `/api/v1/responses` */
export interface Answers {
  readonly isOn: boolean;
  readonly requests: number;
  readonly hits: { readonly memory: number; readonly store: number };
  readonly collapsed: number;
  readonly misses: number;
  readonly stale: number;
  readonly stored: number;
  readonly bypassed: Readonly<Record<string, number>>;
  readonly notStored: Readonly<Record<string, number>>;
  readonly savedUsd: number;
  readonly savedMs: number;
  readonly unpriced: number;
  readonly memory: { readonly entries: number; readonly bytes: number };
  readonly store: {
    readonly kind: string | null;
    readonly calls: number;
    readonly failures: number;
    readonly isFailing: boolean;
  };
}

export interface Alert {
  readonly rule: string;
  readonly state: string;
  readonly atMs: number;
  readonly samples: number;
  readonly sentence: string;
}

/** `/api/v1/alerts` */
export interface AlertList {
  readonly firing: readonly Alert[];
  readonly alerts: readonly Alert[];
}

/** Uses of a prefix that came from `fromMs` on, and before `toMs`, after the last one. */
export interface ReuseBin {
  readonly fromMs: number;
  readonly toMs: number | null;
  readonly read5m: number;
  readonly read1h: number;
  readonly expired: number;
  readonly expiredCostUsd: number;
}

/** `/api/v1/reuse` */
export interface Reuse {
  readonly bins: readonly ReuseBin[];
  /** Requests of which nobody knows after how long. */
  readonly unknown: number;
}

/** `/api/v1/integrity` */
export interface IntegrityReport {
  readonly checked: number;
  readonly fitting: number;
  readonly counts: readonly {
    readonly code: string;
    readonly requests: number;
    readonly unexplained: number;
  }[];
  readonly findings: readonly {
    readonly code: string;
    readonly cause: string;
    readonly requestId: string;
    readonly atMs: number;
    readonly model: string;
    readonly expectedTokens: number;
    readonly billedTokens: number;
    readonly sentence: string;
  }[];
}

/** `/`, asked for by a program. */
export interface Root {
  readonly upstream: string;
  readonly mode: string;
}

/** `/readyz` */
export interface Ready {
  readonly ledger: { readonly waiting: number; readonly dropped: number; readonly problem: string | null };
  /** null where no bodies can be kept. */
  readonly bodies: { readonly isKeeping: boolean } | null;
  readonly counters: Readonly<Record<string, number>>;
}

/** `/api/v1/requests/ID/body` */
export interface KeptBodies {
  readonly request: {
    readonly text: string | null;
    readonly isCut: boolean;
    readonly problem: string | null;
  };
}
