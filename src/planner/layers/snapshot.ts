import { isObject } from '../../core/index.ts';
import type { VolatileMover } from './move-volatile.ts';
import type { LayerWatch } from './watch-layers.ts';

/** What was learned of one layer. */
export interface LayerSnapshot {
  readonly name: string;
  /** Builds that were compared with the one before, and in how many of them something had changed. */
  readonly builds: number;
  readonly changed: number;
  /** Lines and sentences that are moved: the index of their block, their turn, and their text without what changes. */
  readonly moved: readonly string[];
}

/** What a builder has learned, as JSON. It holds no text of layers but the lines and sentences that are moved. */
export interface LayersSnapshot {
  readonly schema: 1;
  readonly layers: readonly LayerSnapshot[];
}

/** What a builder remembers between builds. */
export interface LayersMemory {
  /** What was learned from builds, to be kept as JSON: which text is volatile, and how often layers change. */
  snapshot(): LayersSnapshot;
  /** Goes on from a snapshot of an earlier builder; false, and nothing is taken, where it is none. */
  restore(snapshot: unknown): boolean;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function readLayer(value: unknown): LayerSnapshot | null {
  if (!isObject(value)) return null;
  const { name, builds, changed, moved } = value;
  if (typeof name !== 'string' || !isCount(builds) || !isCount(changed) || changed > builds) return null;
  if (!Array.isArray(moved)) return null;
  const texts = moved.filter((unit: unknown): unit is string => typeof unit === 'string');
  return texts.length === moved.length ? { name, builds, changed, moved: texts } : null;
}

/** A snapshot out of JSON; null for what is none. */
function readSnapshot(value: unknown): LayersSnapshot | null {
  if (!isObject(value) || value['schema'] !== 1 || !Array.isArray(value['layers'])) return null;
  const found = value['layers'].map(readLayer);
  const layers = found.filter((layer) => layer !== null);
  return layers.length === found.length ? { schema: 1, layers } : null;
}

/** The memory of a builder that watches and moves with these. */
export function createMemory(watch: LayerWatch, mover: VolatileMover): LayersMemory {
  return {
    snapshot() {
      const layers = watch.counts().map((counts) => ({ ...counts, moved: mover.unitsOf(counts.name) }));
      return { schema: 1, layers };
    },
    restore(snapshot) {
      const read = readSnapshot(snapshot);
      if (!read) return false;
      watch.restore(read.layers);
      for (const { name, moved } of read.layers) mover.restore(name, moved);
      return true;
    },
  };
}
