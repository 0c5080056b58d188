import { pathText, type BlockPath } from '../../core/index.ts';
import { compareTexts, type VolatileKind } from './compare-text.ts';
import { blocksOf, type PlainLayer } from './layer.ts';
import { readLeaves, type TextLeaf } from './text-leaves.ts';

/** A piece of a layer that is not what it was in the build before. */
export interface LayerChange {
  readonly kind: VolatileKind;
  /** Index of the block in the layer, then members. */
  readonly path: BlockPath;
  /** The later text, and where in it; null where it is not a string that changed, but what there is and in which order. */
  readonly text: { readonly whole: string; readonly start: number; readonly end: number } | null;
}

/** What the builds so far say of one layer. */
export interface WatchedLayer {
  /** What changed since the build before; empty at the first. */
  readonly changes: readonly LayerChange[];
  /** Share of the builds after the first in which something changed. */
  readonly changedShare: number;
  /** So many changes would be a rare accident under the declared frequency. */
  readonly isTooOften: boolean;
}

/** Compares the layers of successive builds. */
export interface LayerWatch {
  /** Takes the layer of a new build. */
  watch(layer: PlainLayer, requestsPerHour: number): WatchedLayer;
  /** Compares the next build with this form of the layer, as if it had been the one before. */
  rebase(layer: PlainLayer): void;
  /** How often each layer was compared and had changed. */
  counts(): readonly LayerCounts[];
  /** Goes on from counts; what the last build was like is not part of them, so the next one is compared with nothing. */
  restore(counts: readonly LayerCounts[]): void;
}

/** Builds of a layer that were compared with the one before, and those in which something had changed. */
export interface LayerCounts {
  readonly name: string;
  readonly builds: number;
  readonly changed: number;
}

/** Layers remembered; the one not built for the longest time goes first. */
const LAYERS_MAX = 256;
/** A layer of more characters is remembered by nothing: its text would be kept for as long as the watch lives. */
const LAYER_CHARS_MAX = 4_000_000;
const HOUR_MS = 3_600_000;
/** An accident less likely than this is taken for a wrong declaration. */
const ACCIDENT_MAX = 0.01;

/** Builds after which the older half counts no more. */
const BUILDS_MAX = 512;

/** A layer as it was built. */
interface Reading {
  readonly leaves: readonly TextLeaf[];
  /** Each block as JSON. */
  readonly canonical: readonly string[];
}

interface Memory {
  /** The last build; null where only counts were restored. */
  readonly last: Reading | null;
  readonly builds: number;
  readonly changed: number;
}

/** Probability of at least so many events where `mean` are expected (Poisson). */
function chanceOfAtLeast(events: number, mean: number): number {
  let term = Math.exp(-mean);
  let below = 0;
  for (let count = 0; count < events; count += 1) {
    below += term;
    term *= mean / (count + 1);
  }
  return 1 - below;
}

/** Changes expected between two requests: the chance that a change comes before the next request. */
function expectedChangeShare(layer: PlainLayer, requestsPerHour: number): number {
  const changesPerHour = HOUR_MS / layer.changeIntervalMs;
  if (!Number.isFinite(changesPerHour)) return 1;
  return changesPerHour === 0 ? 0 : changesPerHour / (changesPerHour + requestsPerHour);
}

function samePath(a: TextLeaf, b: TextLeaf | undefined): boolean {
  return b !== undefined && pathText(a.path) === pathText(b.path);
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  const sorted = b.toSorted();
  return a.length === b.length && a.toSorted().every((member, index) => member === sorted[index]);
}

/** The first place at which there is another leaf than before. */
function structureChange(
  before: Reading,
  canonical: readonly string[],
  leaves: readonly TextLeaf[],
): LayerChange {
  const isOrder =
    sameMembers(before.canonical, canonical) ||
    sameMembers(
      before.leaves.map((leaf) => `${pathText(leaf.path)}\n${leaf.text}`),
      leaves.map((leaf) => `${pathText(leaf.path)}\n${leaf.text}`),
    );
  const at = leaves.findIndex(
    (leaf, index) => !samePath(leaf, before.leaves[index]) || leaf.text !== before.leaves[index]?.text,
  );
  return { kind: isOrder ? 'order' : 'text', path: leaves[Math.max(0, at)]?.path ?? [], text: null };
}

function findChanges(
  before: Reading,
  canonical: readonly string[],
  leaves: readonly TextLeaf[],
): readonly LayerChange[] {
  if (canonical.join('\n') === before.canonical.join('\n')) return [];
  const isSameShape =
    leaves.length === before.leaves.length &&
    leaves.every((leaf, index) => samePath(leaf, before.leaves[index]));
  if (!isSameShape || sameMembers(before.canonical, canonical))
    return [structureChange(before, canonical, leaves)];
  return leaves.flatMap((leaf, index) => {
    const old = before.leaves[index]?.text ?? '';
    return compareTexts(old, leaf.text).map(({ kind, start, end }) => ({
      kind,
      path: leaf.path,
      text: leaf.isString ? { whole: leaf.text, start, end } : null,
    }));
  });
}

const nothingYet: WatchedLayer = { changes: [], changedShare: 0, isTooOften: false };

/** Of several sessions at the same time, each has its own content: the build before says nothing of this one. */
function isOfSession({ changes, requestsPerHour }: PlainLayer): boolean {
  return changes === 'per-session' || changes === 'per-turn' || requestsPerHour !== null;
}

/** null for a layer that is not compared. */
function readLayer(layer: PlainLayer): Reading | null {
  if (layer.changeIntervalMs === 0 || layer.appendsTokens > 0 || isOfSession(layer)) return null;
  const blocks = blocksOf(layer);
  const leaves = readLeaves(blocks);
  const chars = leaves.reduce((sum, leaf) => sum + leaf.text.length, 0);
  if (chars > LAYER_CHARS_MAX) return null;
  return { leaves, canonical: blocks.map((block) => JSON.stringify(block)) };
}

/** A watch that has seen nothing. */
export function createLayerWatch(): LayerWatch {
  const memories = new Map<string, Memory>();
  const remember = (name: string, memory: Memory): void => {
    memories.delete(name);
    memories.set(name, memory);
    if (memories.size > LAYERS_MAX) memories.delete(memories.keys().next().value ?? '');
  };
  return {
    watch(layer, requestsPerHour) {
      const reading = readLayer(layer);
      if (!reading) return nothingYet;
      const before = memories.get(layer.name);
      if (!before?.last) {
        remember(layer.name, { builds: 0, changed: 0, ...before, last: reading });
        return nothingYet;
      }
      const changes = findChanges(before.last, reading.canonical, reading.leaves);
      const halves = before.builds >= BUILDS_MAX ? 2 : 1;
      const builds = Math.floor(before.builds / halves) + 1;
      const changed = Math.floor(before.changed / halves) + (changes.length > 0 ? 1 : 0);
      remember(layer.name, { last: reading, builds, changed });
      const mean = builds * expectedChangeShare(layer, requestsPerHour);
      const isTooOften = changed > 0 && chanceOfAtLeast(changed, mean) < ACCIDENT_MAX;
      return { changes, changedShare: changed / builds, isTooOften };
    },
    rebase(layer) {
      const reading = readLayer(layer);
      const before = memories.get(layer.name);
      if (reading && before) remember(layer.name, { ...before, last: reading });
    },
    counts() {
      return [...memories].map(([name, { builds, changed }]) => ({ name, builds, changed }));
    },
    restore(counts) {
      for (const { name, builds, changed } of counts) remember(name, { last: null, builds, changed });
    },
  };
}
