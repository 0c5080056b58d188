import { isObject, stringMember, type JsonObject } from '../../core/index.ts';
import { makeFinding, type LayerFinding } from './finding.ts';
import type { PlainLayer } from './layer.ts';

/** Members of a tool whose key order programs leave to chance: the caller's own JSON. */
const DATA_MEMBERS: readonly string[] = ['input_schema', 'input_examples'];
const DEPTH_MAX = 512;

/** Members in code unit order: the same on every machine and in every locale. */
const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function sortKeys(value: unknown, depth: number): unknown {
  if (depth === 0) return value;
  if (Array.isArray(value)) return value.map((item) => sortKeys(item, depth - 1));
  if (!isObject(value)) return value;
  const names = Object.keys(value).toSorted(byCodeUnit);
  // Not by assignment, which takes a member `__proto__` for the prototype.
  return Object.fromEntries(names.map((name) => [name, sortKeys(value[name], depth - 1)]));
}

function sortToolKeys(tool: JsonObject): JsonObject {
  const entries = Object.entries(tool);
  return Object.fromEntries(
    entries.map(([name, member]) => [
      name,
      DATA_MEMBERS.includes(name) ? sortKeys(member, DEPTH_MAX) : member,
    ]),
  );
}

/** What a tool is sorted by; built-in tools have a name too, a toolset has its type. */
function toolName(tool: JsonObject): string {
  return stringMember(tool, 'name') ?? stringMember(tool, 'type') ?? '';
}

/**
 * The layer with its tools sorted by name and the keys of their schemas sorted, with what moved. Tools and keys mean
 * the same in any order, but another order is another prefix (spec 1.3). Layers of other kinds stay as they are.
 */
export function makeStable(layer: PlainLayer): {
  readonly layer: PlainLayer;
  readonly findings: readonly LayerFinding[];
} {
  if (layer.kind !== 'tools') return { layer, findings: [] };
  const findings: LayerFinding[] = [];
  const keyed = layer.blocks.map((tool) => {
    const sorted = sortToolKeys(tool);
    if (JSON.stringify(sorted) === JSON.stringify(tool)) return tool;
    findings.push(
      makeFinding('keys-reordered', layer.name, `${toolName(tool)}: the keys of its schema were sorted`),
    );
    return sorted;
  });
  const sorted = keyed.toSorted((a, b) => byCodeUnit(toolName(a), toolName(b)));
  const moved = sorted.filter((tool, index) => tool !== keyed[index]);
  if (moved.length > 0) {
    const names = moved.map(
      (tool) => `${toolName(tool)} (${keyed.indexOf(tool)} to ${sorted.indexOf(tool)})`,
    );
    findings.push(
      makeFinding('tools-reordered', layer.name, `tools sorted by name; moved: ${names.join(', ')}`),
    );
  }
  return { layer: { ...layer, blocks: sorted }, findings };
}
