import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Files to read, and what could not be looked at, in words. */
export interface FoundLogs {
  readonly files: readonly string[];
  readonly problems: readonly { readonly path: string; readonly problem: string }[];
}

const LOG_NAME = /\.(?:jsonl|ndjson)(?:\.gz|\.zst)?$|\.zst$/i;

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'cannot be read: permission denied',
  EPERM: 'cannot be read: permission denied',
  EISDIR: 'is a folder',
  ELOOP: 'is a link that leads to itself',
};

/** A system error about a file in words, to be put behind its name. */
export function describeFileError(error: unknown): string {
  const code = String((error as NodeJS.ErrnoException).code ?? 'unknown reason');
  return PROBLEMS[code] ?? `cannot be read (${code})`;
}

async function walk(folder: string, files: string[], problems: { path: string; problem: string }[]) {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      // Links to folders are not followed: they may lead round in a circle.
      if (entry.isDirectory()) await walk(path, files, problems);
      else if (LOG_NAME.test(entry.name)) files.push(path);
    }
  } catch (error) {
    problems.push({ path: folder, problem: describeFileError(error) });
  }
}

/**
 * The logs that paths stand for: a file is itself, a folder is every `.jsonl`, `.ndjson` (also `.gz`, `.zst`) below it.
 *
 * @example (await findLogs(['~/.claude/projects'])).files
 */
export async function findLogs(paths: readonly string[]): Promise<FoundLogs> {
  const files: string[] = [];
  const problems: { path: string; problem: string }[] = [];
  for (const path of paths) {
    try {
      if ((await stat(path)).isDirectory()) await walk(path, files, problems);
      else files.push(path);
    } catch (error) {
      problems.push({ path, problem: describeFileError(error) });
    }
  }
  return { files: [...new Set(files)], problems };
}
