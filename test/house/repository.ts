import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the repository, with a slash at its end. */
export const root: string = fileURLToPath(new URL('../../', import.meta.url));

/** A row of `scripts/import-table.json`. */
export interface ImportTableRow {
  readonly imports: readonly string[];
  readonly isPublished?: boolean;
}

/** Text of a file of the repository. */
export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Which folder may import which; the row `''` is `src/index.ts`. */
export function readImportTable(): ReadonlyMap<string, ImportTableRow> {
  return new Map(
    Object.entries(JSON.parse(readText('scripts/import-table.json')) as Record<string, ImportTableRow>),
  );
}

/** The folders of `src/` that exist. */
export function listSourceFolders(): readonly string[] {
  const entries = readdirSync(join(root, 'src'), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** Every file below these folders, as paths from the root with forward slashes. */
export function listFiles(...folders: readonly string[]): readonly string[] {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
}
