import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { secretBytes } from '../runtime/index.ts';
import { UsageError } from './errors.ts';

/** Bytes of the installation's secret. */
const SECRET_BYTES = 32;

/** Where state is kept unless `--data-dir` says otherwise: `$XDG_STATE_HOME/cachewright`, else `~/.local/state/cachewright`. */
export function defaultDataDir(environment: NodeJS.ProcessEnv): string {
  const stateHome = environment['XDG_STATE_HOME'];
  return join(stateHome ? stateHome : join(homedir(), '.local', 'state'), 'cachewright');
}

function readSecretFile(file: string): Uint8Array | null {
  const secret = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex');
  return secret.length === SECRET_BYTES ? secret : null;
}

function codeOf(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
}

/** Writes a new secret; another process may have been quicker, then its secret is the one. */
function createSecretFile(file: string): Uint8Array | null {
  const secret = secretBytes(SECRET_BYTES);
  try {
    writeFileSync(file, `${secret.toString('hex')}\n`, { flag: 'wx', mode: 0o600 });
    return secret;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return readSecretFile(file);
  }
}

/** The secret of this installation, and a sentence when it could not be kept. */
export interface InstallationSecret {
  readonly secret: Uint8Array;
  readonly warning: string | null;
}

/**
 * The secret that scopes are made pseudonyms with: read from the folder, or made and kept there for its owner alone.
 * A folder that cannot be used costs only that pseudonyms end with the process.
 */
export function readInstallationSecret(dataDir: string): InstallationSecret {
  const file = join(dataDir, 'secret');
  let problem = `${file} holds no secret of ${SECRET_BYTES} bytes`;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const secret = createSecretFile(file);
    if (secret) return { secret, warning: null };
  } catch (error) {
    problem = `${dataDir} cannot be used (${codeOf(error)})`;
  }
  return {
    secret: secretBytes(SECRET_BYTES),
    warning: `${problem}: scopes get new pseudonyms at every start`,
  };
}

/**
 * The secret that all gateways of a fleet have in common, from a file that somebody put there: 32 bytes in hexadecimal,
 * as in the file `secret` of a data folder.
 *
 * @throws UsageError when it cannot be read: with another secret a gateway would be alone and not say so.
 */
export function readSharedSecret(file: string): Uint8Array {
  let secret: Uint8Array | null;
  try {
    secret = readSecretFile(file);
  } catch (error) {
    throw new UsageError(`--secret-file ${file} cannot be read (${codeOf(error)})`);
  }
  if (secret) return secret;
  throw new UsageError(`--secret-file ${file} must hold ${SECRET_BYTES} bytes in hexadecimal`);
}
