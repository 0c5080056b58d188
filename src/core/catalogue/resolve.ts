import { MODELS } from './models.ts';
import type { Family, ModelFacts } from './types.ts';

/** A set of models to resolve ids against: the shipped ones, with a user's own added or replaced. */
export type Catalogue = readonly ModelFacts[];

/** How an id was understood; `note` is a sentence for people, null when nothing had to be guessed. */
export interface ResolvedModel {
  readonly facts: ModelFacts;
  readonly kind: 'exact' | 'nearest' | 'unknown';
  readonly note: string | null;
}

/** What a user may say of a model in configuration: any fact, the id always. */
export type ModelOverride = { readonly id: string } & Partial<ModelFacts>;

/** The shipped catalogue (spec 0, 3, 9). */
export const defaultCatalogue: Catalogue = MODELS;

const FAMILIES: readonly Family[] = ['fable', 'mythos', 'opus', 'sonnet', 'haiku'];

/** Where an id that names no Claude family is put: the family in the middle of the price list. */
const FALLBACK_ID = 'claude-sonnet-5-5';

/** Platform spellings down to the plain id: `us.anthropic.claude-x-v1:0`, `claude-x@20250929`, `claude-x[1m]`. */
function plainId(id: string): string {
  return id
    .toLowerCase()
    .replace(/^.*\banthropic[./]/, '')
    .replace(/\[[^[\]]*\]$/, '')
    .replace(/-v\d+(?::\d+)?$/, '')
    .replace('@', '-');
}

function findExact(catalogue: Catalogue, id: string): ModelFacts | null {
  return catalogue.find((facts) => facts.id === id || facts.aliases.includes(id)) ?? null;
}

function readVersion(id: string, family: Family): number {
  const after = new RegExp(`${family}-(\\d{1,2})(?:[-.](\\d{1,2}))?(?!\\d)`).exec(id);
  const before = new RegExp(`(\\d{1,2})(?:[-.](\\d{1,2}))?-${family}`).exec(id);
  const found = after ?? before;
  return found ? Number(found[1]) + Number(found[2] ?? 0) / 100 : Number.POSITIVE_INFINITY;
}

/** The newest model of the family that is not newer than the id asks for, else its oldest. */
function nearestInFamily(catalogue: Catalogue, id: string, family: Family): ModelFacts | null {
  const wanted = readVersion(id, family);
  const versionOf = (facts: ModelFacts): number => facts.version[0] + facts.version[1] / 100;
  const members = catalogue
    .filter((facts) => facts.family === family)
    .toSorted((a, b) => versionOf(b) - versionOf(a));
  return members.find((facts) => versionOf(facts) <= wanted) ?? members.at(-1) ?? null;
}

/**
 * The facts for a model id. Known ids and aliases are exact; an unknown id takes the facts of the
 * nearest model of its family and says so; an id of no known family takes those of a Sonnet.
 *
 * @example resolveModel('claude-opus-6').note // 'unknown model "claude-opus-6": using the facts of claude-opus-5-5'
 */
export function resolveModel(id: string, catalogue: Catalogue = defaultCatalogue): ResolvedModel {
  const asWritten = findExact(catalogue, id);
  if (asWritten) return { facts: asWritten, kind: 'exact', note: null };
  const plain = plainId(id);
  const exact = findExact(catalogue, plain) ?? findExact(catalogue, plain.replace(/-\d{8}$/, ''));
  if (exact) return { facts: exact, kind: 'exact', note: null };
  const family = FAMILIES.find((name) => plain.includes(name));
  const nearest = family ? nearestInFamily(catalogue, plain, family) : null;
  const facts = nearest ?? findExact(catalogue, FALLBACK_ID) ?? MODELS[0];
  if (!facts) throw new RangeError('the model catalogue is empty');
  const note = `unknown model ${JSON.stringify(id.slice(0, 80))}: using the facts of ${facts.id}`;
  return { facts, kind: nearest ? 'nearest' : 'unknown', note };
}

/**
 * The catalogue with a user's models: an override of a known id replaces the facts it names; a new id
 * begins from its nearest known model.
 *
 * @example extendCatalogue(defaultCatalogue, [{ id: 'claude-opus-6', minCacheableTokens: 256 }])
 */
export function extendCatalogue(catalogue: Catalogue, overrides: readonly ModelOverride[]): Catalogue {
  return overrides.reduce<Catalogue>((known, override) => {
    const base = resolveModel(override.id, known);
    // An alias or a platform's spelling names the model itself, which keeps its id: it is one cache.
    const own = base.kind === 'exact' ? { id: base.facts.id } : { aliases: [], id: override.id };
    const { id: _id, ...changes } = override;
    const facts: ModelFacts = { ...base.facts, ...own, ...changes };
    return [facts, ...known.filter((other) => other.id !== facts.id)];
  }, catalogue);
}
