import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A program of the system, where it is installed; no package has it. */
const OPENSSL = 'openssl';

/** A certificate authority of nobody's, and a server certificate for this machine that it has signed. */
export interface PrivateCa {
  /** File that `NODE_EXTRA_CA_CERTS` can name. */
  readonly caFile: string;
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** Node can read certificates and not make them. */
export function hasOpenssl(): boolean {
  try {
    execFileSync(OPENSSL, ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Makes a fresh authority with the `openssl` command. */
export function createPrivateCa(): PrivateCa {
  const cwd = mkdtempSync(join(tmpdir(), 'cachewright-ca-'));
  const openssl = (line: string): void => {
    execFileSync(OPENSSL, line.split(' '), { cwd, stdio: 'ignore' });
  };
  const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc';
  writeFileSync(join(cwd, 'san.txt'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  openssl(`req -x509 ${newKey} -keyout ca.key -out ca.pem -days 2 -subj /CN=private`);
  openssl(`req ${newKey} -keyout server.key -out server.csr -subj /CN=localhost`);
  openssl('x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -out server.pem -extfile san.txt');
  const read = (name: string): Buffer => readFileSync(join(cwd, name));
  return { caFile: join(cwd, 'ca.pem'), key: read('server.key'), cert: read('server.pem') };
}
