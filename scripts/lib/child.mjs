import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** @typedef {{ code: number, output: string, interruptedBy: NodeJS.Signals | null }} ChildResult */
/** @typedef {{ cwd?: string, env?: NodeJS.ProcessEnv, isCaptured?: boolean, onStart?: ((pid: number) => void) | undefined }} ChildOptions */

/** @type {NodeJS.Signals[]} */
const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const ORPHAN_CHECK_MS = 250;
const FORWARD_DELAY_MS = 100;

/**
 * Runs a program to its end, handing on the signals we receive, and gives its exit code (128 + n when signal n
 * ended it). Output goes straight through, or is collected in `output` when `isCaptured` is set.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {ChildOptions} [options]
 * @returns {Promise<ChildResult>}
 */
export function runChild(command, args, { cwd, env, isCaptured = false, onStart } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: isCaptured ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    });
    if (child.pid !== undefined) onStart?.(child.pid);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
    }
    const forwarder = forwardSignals(child);
    child.on('error', (error) => {
      forwarder.stop();
      reject(error);
    });
    child.on('close', (code, signal) => {
      forwarder.stop();
      resolve({ code: code ?? exitCodeOf(signal), output, interruptedBy: forwarder.seen() });
    });
  });
}

/** The exit code by which shells tell that a signal ended a program. @param {NodeJS.Signals | null} signal */
export function exitCodeOf(signal) {
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}

/**
 * Hands the signals we get on to the child, each once; also SIGTERM when npm started us and our parent is gone, because
 * npm gives a signal only to the shell between itself and us, and that shell dies without a word.
 *
 * @param {import('node:child_process').ChildProcess} child
 */
function forwardSignals(child) {
  /** @type {NodeJS.Signals | null} */
  let seen = null;
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => {
    // A terminal gives Ctrl-C to the whole process group; a second copy from us would look like an impatient user.
    const isHandedOn = seen !== signal && !(signal === 'SIGINT' && process.stdin.isTTY);
    seen = signal;
    // A signal to the whole group reaches the child without us; a copy that meets it on its way out would kill it.
    if (isHandedOn) setTimeout(() => child.kill(signal), FORWARD_DELAY_MS).unref();
  };
  const parent = process.env['npm_lifecycle_event'] === undefined ? undefined : process.ppid;
  const orphanWatch = setInterval(() => {
    if (parent !== undefined && process.ppid !== parent) forward('SIGTERM');
  }, ORPHAN_CHECK_MS);
  for (const signal of FORWARDED_SIGNALS) process.on(signal, forward);
  return {
    seen: () => seen,
    stop: () => {
      clearInterval(orphanWatch);
      for (const signal of FORWARDED_SIGNALS) process.off(signal, forward);
    },
  };
}
