import { Problem } from './problem.mjs';

/**
 * @typedef {{ os?: string[], cpu?: string[], libc?: string[] }} Platform
 * @typedef {Platform & { version?: string, dev?: boolean, optional?: boolean, optionalDependencies?: Record<string, string> }} LockedPackage
 */

const SYSTEMS = 'aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32';
const PROCESSORS = 'arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64';
const PLATFORM_NAME = new RegExp(
  `\\b(${SYSTEMS})-(${PROCESSORS})(?:-(gnu|musl|msvc|eabi|gnueabihf|musleabihf))?$`,
);

/**
 * The entries that npm left out of the lock file: optional packages for other platforms that it could not look up,
 * or forgot because node_modules existed (npm issue 4828). `npm ci` refuses such a lock file. The new entries carry
 * no integrity hash, since the package was never seen; npm checks the version and the platform.
 *
 * @param {Record<string, LockedPackage>} packages The `packages` of a package-lock.json.
 * @returns {Record<string, LockedPackage>}
 */
export function entriesLeftOut(packages) {
  const owners = Object.entries(packages).filter(([path]) => path !== '');
  const wanted = owners.flatMap(([, owner]) =>
    Object.entries(owner.optionalDependencies ?? {}).map(([name, version]) => ({ owner, name, version })),
  );
  return Object.fromEntries(
    wanted
      .filter(({ name }) => !isLocked(packages, name))
      .map(({ owner, name, version }) => {
        const facts = { ...platformOf(name), ...(owner.dev ? { dev: true } : {}), optional: true };
        return [`node_modules/${name}`, { version: exact(name, version), ...sortKeys(facts) }];
      }),
  );
}

/**
 * npm writes the version first and the rest by name.
 *
 * @template {object} T
 * @param {T} facts
 * @returns {T}
 */
function sortKeys(facts) {
  const entries = Object.entries(facts).sort(([left], [right]) => (left < right ? -1 : 1));
  return /** @type {T} */ (Object.fromEntries(entries));
}

/** @param {Record<string, LockedPackage>} packages @param {string} name */
function isLocked(packages, name) {
  return Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`));
}

/** @param {string} name @param {string} version */
function exact(name, version) {
  if (/^\d+\.\d+\.\d+/.test(version)) return version;
  throw new Problem(
    `${name} is missing in package-lock.json and wanted as ${version}, which is not one version.`,
  );
}

/** @param {string} name Such as `@oxlint/binding-linux-x64-musl`. @returns {Platform} */
export function platformOf(name) {
  const [, system, processor, flavour = ''] = PLATFORM_NAME.exec(name) ?? [];
  if (system === undefined || processor === undefined) {
    throw new Problem(`${name} is missing in package-lock.json and its name does not tell the platform.`);
  }
  const libc = flavour.startsWith('gnu') ? 'glibc' : 'musl';
  const hasLibc = system === 'linux' && /^(gnu|musl)/.test(flavour);
  return { os: [system], cpu: [processor], ...(hasLibc ? { libc: [libc] } : {}) };
}
