/** An optional package is not installed: one sentence that says what to run. */
export class MissingPackageError extends Error {
  override readonly name = 'MissingPackageError' as const;
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
}

/**
 * Loads an optional package on its first use.
 *
 * @param what What it is for, as the beginning of the sentence: "Drawing charts".
 * @throws MissingPackageError when it is not installed; any other error of loading as it is.
 * @example await loadOptional('Drawing charts', 'echarts', () => import('echarts/core'))
 */
export async function loadOptional<Module>(
  what: string,
  packageName: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new MissingPackageError(
      `${what} needs the optional package ${packageName}, which is not installed: run "npm install ${packageName}".`,
      { cause: error },
    );
  }
}
