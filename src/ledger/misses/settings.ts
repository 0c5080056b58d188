import type { Level, SettingMixes } from '../../core/index.ts';

/** One setting that is part of the prompt, with a hash of its value. */
interface Setting {
  readonly name: string;
  readonly value: number;
}

/** Settings by the level that a change of them loses (spec 6). */
export type Settings = Readonly<Record<Level, readonly Setting[]>>;

/** Members of the mixes, in the order in which `readSettingMixes` writes them. */
const SYSTEM_NAMES = ['web_search', 'citations', 'speed', 'skills', 'format'];
const MESSAGES_NAMES = ['tool_choice', 'images', 'reasoning', 'task_budget', 'format'];

/** Combinations of settings remembered; forgotten all at once, since that they are many is rare. */
const KNOWN_MAX = 1000;

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** `thinking` and `effort` are told apart: they are rendered together. */
function reasoningOf(value: unknown): readonly (readonly [string, unknown])[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const [mode, budget, effort] = list;
  return [
    ['thinking', [mode, budget]],
    ['effort', effort],
  ];
}

function listOf(text: string, names: readonly string[]): readonly (readonly [string, unknown])[] {
  const values = parse(text);
  if (!Array.isArray(values)) return text === '' ? [] : [['settings', text]];
  return names.flatMap((name, index): readonly (readonly [string, unknown])[] => {
    const value: unknown = values[index] ?? null;
    return name === 'reasoning' ? reasoningOf(value) : [[name, value]];
  });
}

/** What is rendered before the tools: thinking and effort of some models, and that a first tool comes inside a message. */
function rootOf(root: string): readonly (readonly [string, unknown])[] {
  const hasInline = root.endsWith('+tools');
  const config = hasInline ? root.slice(0, -'+tools'.length) : root;
  const reasoning = config === '' ? [] : reasoningOf(parse(config));
  return [...reasoning, ['inline_tools', hasInline]];
}

function areSame(some: SettingMixes, other: SettingMixes): boolean {
  return some.root === other.root && some.system === other.system && some.messages === other.messages;
}

/** Reads settings, remembering what it read: requests have few different ones. One object for the same settings. */
export function createSettingsReader(hash: (text: string) => number): (mixes: SettingMixes) => Settings {
  const known = new Map<string, Settings>();
  const read = (list: readonly (readonly [string, unknown])[]): readonly Setting[] =>
    list.map(([name, value]) => ({ name, value: hash(JSON.stringify(value ?? null)) }));
  let last: { readonly mixes: SettingMixes; readonly settings: Settings } | null = null;
  const find = ({ root, system, messages }: SettingMixes): Settings => {
    const key = `${root}\n${system}\n${messages}`;
    const found = known.get(key);
    if (found) return found;
    const made = {
      tools: read(rootOf(root)),
      system: read(listOf(system, SYSTEM_NAMES)),
      messages: read(listOf(messages, MESSAGES_NAMES)),
    };
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(key, made);
    return made;
  };
  return (mixes) => {
    if (!last || !areSame(last.mixes, mixes)) last = { mixes, settings: find(mixes) };
    return last.settings;
  };
}

/** Names of the settings that differ, under the first level that they lose; levels without any are left out. */
export function compareSettings(before: Settings, after: Settings): ReadonlyMap<Level, readonly string[]> {
  const found = new Map<Level, readonly string[]>();
  if (before === after) return found;
  const told = new Set<string>();
  for (const level of ['tools', 'system', 'messages'] as const) {
    const names = new Set([...before[level], ...after[level]].map(({ name }) => name));
    const valueIn = (list: readonly Setting[], name: string): number | undefined =>
      list.find((setting) => setting.name === name)?.value;
    const changed = [...names].filter(
      (name) => !told.has(name) && valueIn(before[level], name) !== valueIn(after[level], name),
    );
    for (const name of changed) told.add(name);
    if (changed.length > 0) found.set(level, changed);
  }
  return found;
}
