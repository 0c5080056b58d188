import { estimateBlock, type JsonObject, type TokenizerGeneration } from '../../core/index.ts';
import { maskPatterns, splitUnits } from './compare-text.ts';
import type { PlainLayer } from './layer.ts';
import type { WatchedLayer } from './watch-layers.ts';

/** Remembers which lines and sentences are volatile, and takes them out of layers. */
export interface VolatileMover {
  /** Learns from what changed in a layer, where that is dates, ids or counters in its text. */
  learn(layer: PlainLayer, watched: WatchedLayer): void;
  /** The layer without what is known to be volatile, and that text; null where nothing is. */
  take(
    layer: PlainLayer,
    generation: TokenizerGeneration,
  ): { readonly layer: PlainLayer; readonly text: string } | null;
  /** Names of the lines and sentences of a layer that are known to be volatile. */
  unitsOf(layerName: string): readonly string[];
  /** Takes them for known, as if they had been learned here. */
  restore(layerName: string, units: readonly string[]): void;
}

/** Lines and sentences remembered for one layer, and layers. */
const UNITS_MAX = 256;
const LAYERS_MAX = 256;
/** A date or an id is there to change; a number that has changed in fewer builds than this was edited by somebody. */
const COUNTER_SHARE_MIN = 0.2;

/** Only what is text alone can be taken apart: system text, and text among documents. */
function movableText(layer: PlainLayer, block: JsonObject | undefined): string | null {
  if (layer.kind !== 'system' && layer.kind !== 'documents') return null;
  const text = block?.['text'];
  return block?.['type'] === 'text' && typeof text === 'string' ? text : null;
}

/**
 * Names each line or sentence by what does not change in it. The same name may come twice, as in a list of numbered
 * items, so each also has its turn: what changed is one of them, not all.
 */
function nameUnits(units: readonly string[]): readonly string[] {
  const seen = new Map<string, number>();
  return units.map((unit) => {
    const mask = maskPatterns(unit);
    const turn = seen.get(mask) ?? 0;
    seen.set(mask, turn + 1);
    return `${turn}:${mask}`;
  });
}

/** The names of the lines and sentences that a stretch of text touches. */
function unitsTouched(whole: string, start: number, end: number): readonly string[] {
  const units = splitUnits(whole);
  const names = nameUnits(units);
  let offset = 0;
  return units.flatMap((unit, index) => {
    const from = offset;
    offset += unit.length;
    return start < offset && end > from ? [names[index] ?? ''] : [];
  });
}

/** A mover that has learnt nothing. */
export function createVolatileMover(): VolatileMover {
  const known = new Map<string, Set<string>>();
  const keep = (layerName: string, units: Set<string>): void => {
    if (units.size > 0 && (known.has(layerName) || known.size < LAYERS_MAX)) known.set(layerName, units);
  };
  return {
    unitsOf: (layerName) => [...(known.get(layerName) ?? [])],
    restore: (layerName, units) => keep(layerName, new Set(units.slice(0, UNITS_MAX))),
    learn(layer, { changes, changedShare }) {
      const units = known.get(layer.name) ?? new Set<string>();
      for (const { kind, path, text } of changes) {
        const isCounter = kind === 'counter' && changedShare >= COUNTER_SHARE_MIN;
        if (
          !(kind === 'date' || kind === 'id' || isCounter) ||
          text === null ||
          movableText(layer, layer.blocks[Number(path[0])]) === null
        )
          continue;
        for (const name of unitsTouched(text.whole, text.start, text.end)) {
          if (units.size < UNITS_MAX) units.add(`${path[0]}:${name}`);
        }
      }
      keep(layer.name, units);
    },
    take(layer, generation) {
      const units = known.get(layer.name);
      if (!units) return null;
      const taken: string[] = [];
      const blocks = layer.blocks.flatMap((block, index): readonly JsonObject[] => {
        const text = movableText(layer, block);
        if (text === null) return [block];
        const parts = splitUnits(text);
        const isTaken = nameUnits(parts).map((name) => units.has(`${index}:${name}`));
        taken.push(...parts.filter((_, at) => isTaken[at]));
        const rest = parts.filter((_, at) => !isTaken[at]).join('');
        return rest === '' ? [] : [{ ...block, text: rest }];
      });
      // A layer that is volatile as a whole is not taken apart, it is declared wrongly.
      if (taken.length === 0 || blocks.length === 0) return null;
      const text = taken.map((part) => part.trim()).join('\n');
      const movedTokens = estimateBlock({ type: 'text', text }, generation).tokens;
      const measuredTokens =
        layer.measuredTokens === null ? null : Math.max(0, layer.measuredTokens - movedTokens);
      return { layer: { ...layer, blocks, measuredTokens }, text };
    },
  };
}
