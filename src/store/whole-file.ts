import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { formatTime, secretBytes, systemClock, type Clock } from '../runtime/index.ts';
import { moveAside } from './sqlite/move-aside.ts';
import type { StatePlace } from './state-place.ts';

/** More than any state that we write: what is larger is not ours. */
const FILE_BYTES_MAX = 1024 ** 3;

/** A new file that a process did not live to put into its place is nobody's after this. */
const ABANDONED_MS = 3_600_000;

const NEW_MARK = '.new-';

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** What a rename has done must be on the disk too; a file system that cannot do so is left to its ways. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/**
 * State in a file for its owner alone. A new value is written beside the old one, brought to the disk, and renamed, so
 * that a process that is killed leaves the one or the other; what cannot be used is renamed to `FILE.corrupt-TIME`.
 *
 * @example wholeFile('/var/lib/my-app/learned-state.bin')
 */
export function wholeFile(file: string, clock: Clock = systemClock): StatePlace {
  const folder = dirname(file);
  // Another process with the same folder must not write into the same new file.
  const newFile = `${file}${NEW_MARK}${secretBytes(6).toString('hex')}`;

  const dropAbandoned = async (): Promise<void> => {
    const names = await readdir(folder);
    for (const name of names.filter((each) => each.startsWith(`${basename(file)}${NEW_MARK}`))) {
      const { mtimeMs } = await stat(join(folder, name));
      if (clock.nowMs() - mtimeMs > ABANDONED_MS) await rm(join(folder, name), { force: true });
    }
  };

  return {
    shown: file,
    async read() {
      await dropAbandoned().catch(() => undefined);
      try {
        const { size } = await stat(file);
        if (size > FILE_BYTES_MAX) return new Uint8Array();
        return await readFile(file);
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    async write(bytes) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const handle = await open(newFile, 'w', 0o600);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } catch (error) {
        await handle.close();
        // A disk that is full has use for the room.
        await rm(newFile, { force: true }).catch(() => undefined);
        throw error;
      }
      await handle.close();
      await rename(newFile, file);
      await syncFolder(folder);
    },
    async setAside() {
      return moveAside(file, formatTime(clock.nowMs()));
    },
  };
}
