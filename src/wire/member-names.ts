/**
 * The names of the members of the objects that are being read, to notice one that is repeated. Places only: nothing is
 * allocated for a name.
 */
export interface MemberNames {
  /** Begins an object; what it returns is for `close`. */
  open(): number;
  /** Adds the name literal in `[start, end)`; false where the object has it already, or has too many names to say so. */
  enter(bytes: Uint8Array, start: number, end: number): boolean;
  /** Ends the object that `open` began, with what that returned. */
  close(outer: number): void;
  clear(): void;
}

/** Members of one object that are compared with each other. */
const COMPARED_MAX = 64;

/** Names of all objects that are open at once. */
const NAMES_MAX = 4096;

function isSameName(bytes: Uint8Array, start: number, other: number, length: number): boolean {
  for (let i = 0; i < length; i += 1) {
    if (bytes[start + i] !== bytes[other + i]) return false;
  }
  return true;
}

/** No object is open. */
export function createMemberNames(): MemberNames {
  const starts = new Int32Array(NAMES_MAX);
  const lengths = new Int32Array(NAMES_MAX);
  /** Where the names of the innermost object begin, and where those of all end. */
  let first = 0;
  let count = 0;
  return {
    open() {
      const outer = first;
      first = count;
      return outer;
    },
    enter(bytes, start, end) {
      const length = end - start;
      if (count === NAMES_MAX || count - first === COMPARED_MAX) return false;
      for (let known = first; known < count; known += 1) {
        if (lengths[known] === length && isSameName(bytes, start, starts[known] ?? 0, length)) return false;
      }
      starts[count] = start;
      lengths[count] = length;
      count += 1;
      return true;
    },
    close(outer) {
      count = first;
      first = outer;
    },
    clear() {
      first = 0;
      count = 0;
    },
  };
}
