import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Broken files kept for whoever wants to look into them; a disk that breaks every file must not fill up with them. */
const KEPT_MAX = 2;

const MARK = '.corrupt-';

/** A name that no file has, newer ones after older ones. */
function freeName(file: string, time: string): string {
  const stem = `${file}${MARK}${time.replaceAll(/[:.]/g, '-')}`;
  for (let count = 0; ; count += 1) {
    const name = count === 0 ? stem : `${stem}-${count}`;
    if (!existsSync(name)) return name;
  }
}

function dropOlder(file: string): void {
  const folder = dirname(file);
  const isAside = (name: string): boolean =>
    name.startsWith(`${basename(file)}${MARK}`) && !name.endsWith('-wal');
  const aside = readdirSync(folder).filter(isAside).toSorted();
  for (const name of aside.slice(0, -KEPT_MAX)) {
    rmSync(join(folder, name), { force: true });
    rmSync(join(folder, `${name}-wal`), { force: true });
  }
}

/**
 * Renames a database that cannot be read, its log with it, so that a new one can take its place. The newest two such
 * files are kept.
 *
 * @param time When, as text; part of the new name.
 * @returns the new name.
 */
export function moveAside(file: string, time: string): string {
  const aside = freeName(file, time);
  renameSync(file, aside);
  if (existsSync(`${file}-wal`)) renameSync(`${file}-wal`, `${aside}-wal`);
  // Shared memory of open connections, of no use without them.
  rmSync(`${file}-shm`, { force: true });
  dropOlder(file);
  return aside;
}
