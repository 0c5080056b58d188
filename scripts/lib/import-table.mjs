import { isBuiltin } from 'node:module';
import { posix } from 'node:path';

/**
 * @typedef {{ imports: string[], isPure?: boolean, isPublished?: boolean }} Row
 *   `imports`: the other folders it may import from. `isPure`: runs in a browser, so neither Node nor packages.
 *   `isPublished`: has a subpath in package.json.
 * @typedef {Record<string, Row>} ImportTable One row per folder of `src/`; the row `""` is `src/index.ts` itself.
 */

/** @param {string} path From the root, forward slashes. @returns {string | undefined} The folder of `src/` it is in. */
export function folderOf(path) {
  const parts = path.split('/');
  if (parts[0] !== 'src') return undefined;
  return parts.length > 2 ? parts[1] : '';
}

/** @param {string} path @returns {boolean} Whether the table applies: tests may import anything. */
export function isGoverned(path) {
  return folderOf(path) !== undefined && !path.endsWith('.test.ts');
}

/**
 * Why this import is against the table, or nothing when it is fine. Types count like values: who needs a type of a
 * room depends on that room.
 *
 * @param {ImportTable} table
 * @param {string} path The importing file, from the root.
 * @param {string | undefined} specifier What it imports; nothing when that is computed at run time.
 * @returns {string | undefined}
 */
export function judgeImport(table, path, specifier) {
  const folder = folderOf(path) ?? '';
  const row = table[folder];
  if (row === undefined) return `src/${folder} has no row in scripts/import-table.json.`;
  if (specifier === undefined)
    return 'An import needs a literal path: a computed one escapes the import table.';
  if (specifier.startsWith('.'))
    return judgeRelative(row, folder, posix.join(posix.dirname(path), specifier));
  if (/^cachewright(\/|$)/.test(specifier))
    return 'Import by relative path inside src, not by the package name.';
  if (!row.isPure) return undefined;
  const kind = isBuiltin(specifier) ? 'the Node module' : 'the package';
  return `src/${folder} runs in browsers and imports nothing from outside, so not ${kind} ${specifier}.`;
}

/** @param {Row} row @param {string} folder @param {string} target The imported file, from the root. */
function judgeRelative(row, folder, target) {
  const targetFolder = folderOf(target);
  if (targetFolder === undefined) return `${target} is outside src, which is all that is built.`;
  if (target.endsWith('.test.ts')) return 'A test is not part of what is built.';
  if (targetFolder === folder || row.imports.includes(targetFolder)) return undefined;
  const allowed =
    row.imports.length === 0 ? 'nothing' : row.imports.map((name) => name || 'index.ts').join(', ');
  return `src/${folder} may not import src/${targetFolder} (it may import ${allowed}); see ARCHITECTURE.md.`;
}
