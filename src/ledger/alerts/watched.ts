import type { RequestRecord } from '../record.ts';
import type { AlertRule } from './rule.ts';
import { Series } from './series.ts';

/** One rule on one group of requests. */
export interface Watched {
  readonly rule: AlertRule;
  readonly scope: string | null;
  readonly model: string | null;
  readonly series: Series;
  /** Grows with every request that any series hears of. */
  heard: number;
}

/** The series of one rule, those heard of last at the end. */
interface OfRule {
  readonly rule: AlertRule;
  readonly byGroup: Map<string, Watched>;
  newest: Watched | null;
}

function groupOf({ by }: AlertRule, { scope, model }: RequestRecord): string {
  if (by === 'all') return '';
  return by === 'model' ? model : `${scope}\n${model}`;
}

/** Is it the series of a record's group? */
function isOf({ scope, model }: Watched, record: RequestRecord): boolean {
  return (scope === null || scope === record.scope) && (model === null || model === record.model);
}

/** All series that are followed; beyond a number the one heard of longest ago goes. */
export class WatchedSeries {
  readonly #rules: readonly OfRule[];
  readonly #seriesMax: number;
  #size = 0;
  #heard = 0;

  constructor(rules: readonly AlertRule[], seriesMax: number) {
    this.#rules = rules.map((rule) => ({ rule, byGroup: new Map(), newest: null }));
    this.#seriesMax = seriesMax;
  }

  /** The series of a rule, by its place among the rules, that a record belongs to. */
  of(ruleIndex: number, record: RequestRecord): Watched {
    const own = this.#rules[ruleIndex];
    if (!own) throw new RangeError(`no rule ${ruleIndex}`);
    // Traffic of one kind finds its series where it left it.
    if (own.newest && isOf(own.newest, record)) {
      own.newest.heard = this.#heard += 1;
      return own.newest;
    }
    const group = groupOf(own.rule, record);
    const known = own.byGroup.get(group);
    const watched = known ?? this.#follow(own.rule, record);
    watched.heard = this.#heard += 1;
    own.newest = watched;
    if (known) own.byGroup.delete(group);
    own.byGroup.set(group, watched);
    if (this.#size > this.#seriesMax) this.#forgetOldest();
    return watched;
  }

  /** Those heard of longest ago first. */
  inOrder(): readonly Watched[] {
    const all = this.#rules.flatMap(({ byGroup }) => [...byGroup.values()]);
    return all.toSorted((a, b) => a.heard - b.heard);
  }

  #follow(rule: AlertRule, record: RequestRecord): Watched {
    this.#size += 1;
    const scope = rule.by === 'scope-and-model' ? record.scope : null;
    const model = rule.by === 'all' ? null : record.model;
    return { rule, scope, model, series: new Series(rule), heard: 0 };
  }

  #forgetOldest(): void {
    let oldest: { readonly own: OfRule; readonly group: string; readonly heard: number } | null = null;
    for (const own of this.#rules) {
      const [first] = own.byGroup;
      if (first && (!oldest || first[1].heard < oldest.heard))
        oldest = { own, group: first[0], heard: first[1].heard };
    }
    if (!oldest) return;
    const { own, group } = oldest;
    if (own.byGroup.get(group) === own.newest) own.newest = null;
    own.byGroup.delete(group);
    this.#size -= 1;
  }
}
