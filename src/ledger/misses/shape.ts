import type { Level } from '../../core/index.ts';
import type { PromptShape } from '../record.ts';
import { lengthOf, shortHash, type PromptOutline } from './seen-prompt.ts';
import type { Settings } from './settings.ts';

/** Last parts whose hashes a record keeps. */
const LAST_MAX = 4;

const settingsHashes = new WeakMap<Settings, string>();

function settingsHash(settings: Settings): string {
  const known = settingsHashes.get(settings);
  if (known !== undefined) return known;
  const { tools, system, messages } = settings;
  const made = shortHash([...tools, ...system, ...messages].map(({ value }) => value)) ?? '';
  settingsHashes.set(settings, made);
  return made;
}

/** The shape of a prompt, for its record: counts and hashes, at most a few hundred bytes. */
export function shapeOf(outline: PromptOutline, bytes: Readonly<Record<Level, number>>): PromptShape {
  const { contentIds, systemStart, messagesStart, settings, toolsHash, systemHash } = outline;
  return {
    blocks: {
      tools: systemStart,
      system: messagesStart - systemStart,
      messages: lengthOf(outline) - messagesStart,
    },
    bytes,
    toolsHash,
    systemHash,
    settingsHash: settingsHash(settings),
    lastHashes: contentIds.slice(-LAST_MAX),
  };
}
