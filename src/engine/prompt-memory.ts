import type { Block, PlainContent } from '../core/index.ts';
import { sha256Bytes, sha256Text } from '../runtime/index.ts';

/** Hashes that were made before: requests of a conversation repeat all but their tail. */
export interface PromptMemory {
  /** The prefix that a block makes of the one before it. */
  extend(prefix: string, block: Block): string;
  /** A hash of settings, of which requests have few different ones. */
  hashSettings(text: string): string;
}

/** Settings remembered, and labels of blocks; forgotten all at once, since that they are many is rare. */
const SETTINGS_MAX = 1000;

/** Where what is hashed is put together; longer blocks get bytes of their own. Nothing waits in between, so one will do. */
const SCRATCH_BYTES = 64 * 1024;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

export function createPromptMemory(): PromptMemory {
  const settings = new Map<string, string>();
  const labels = new Map<string, Buffer>();

  const labelBytes = (label: string): Buffer => {
    const known = labels.get(label);
    if (known) return known;
    if (labels.size >= SETTINGS_MAX) labels.clear();
    const made = Buffer.from(`\n${label}|`);
    labels.set(label, made);
    return made;
  };

  /** What `sha256Text` makes of the same; a prefix is ASCII. */
  const hashPlain = (prefix: string, label: string, plain: PlainContent): string => {
    const between = labelBytes(label);
    const length = prefix.length + between.length + plain.length;
    const target = length <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafe(length);
    target.write(prefix, 0, 'latin1');
    target.set(between, prefix.length);
    return sha256Bytes(target.subarray(0, plain.copyTo(target, prefix.length + between.length)));
  };

  return {
    extend(prefix, block) {
      const { link, label, plain } = block;
      if (link?.before === prefix) return link.after;
      const after = plain
        ? hashPlain(prefix, label, plain)
        : sha256Text(`${prefix}\n${label}|${block.content}`);
      block.link = { before: prefix, after };
      return after;
    },
    hashSettings(text) {
      const known = settings.get(text);
      if (known !== undefined) return known;
      if (settings.size >= SETTINGS_MAX) settings.clear();
      const made = sha256Text(text);
      settings.set(text, made);
      return made;
    },
  };
}
