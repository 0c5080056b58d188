import { writeFile } from 'node:fs/promises';

import { renderReplayHtml, renderReplayPicture, type ReplayResult } from '../../replay/index.ts';
import { MissingPackageError, renderPng } from '../../report/index.ts';
import { CommandError } from '../errors.ts';
import { packageVersion } from '../version.ts';

/** Files to write a replay to. */
export interface ReplayFiles {
  readonly html?: string;
  readonly svg?: string;
  readonly png?: string;
}

async function save(file: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeFile(file, content);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`${file} cannot be written: ${reason}`, { cause: error });
  }
}

/**
 * Writes the files that were asked for.
 *
 * @throws CommandError for a file that cannot be written, or a picture without the package that draws it.
 */
export async function writeReplayFiles(result: ReplayResult, files: ReplayFiles): Promise<void> {
  try {
    if (files.html !== undefined) await save(files.html, await renderReplayHtml(result, packageVersion()));
    if (files.svg === undefined && files.png === undefined) return;
    const svg = await renderReplayPicture(result);
    if (files.svg !== undefined) await save(files.svg, svg);
    if (files.png !== undefined) await save(files.png, await renderPng(svg));
  } catch (error) {
    if (error instanceof MissingPackageError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}
