import type { ApiCall, Finding, Reply, Script } from './types.ts';

/** The probe's clock: real, or the emulator's manual one. */
export interface ProbeClock {
  nowMs(): number;
  /** Resolves when so much time has passed. */
  wait(ms: number): Promise<void>;
}

/** Sends one call; throws where the service refuses it for good. */
export type SendCall = (call: ApiCall) => Promise<Reply>;

/** How one script ended. */
export type Ending = { readonly finding: Finding } | { readonly problem: string };

interface Running {
  readonly index: number;
  readonly script: Script;
  dueMs: number;
  reply: Reply | null;
}

/** Runs a script until it waits or ends; null while it goes on. */
async function advance(running: Running, clock: ProbeClock, send: SendCall): Promise<Ending | null> {
  for (;;) {
    const next = running.reply ? running.script.next(running.reply) : running.script.next();
    if (next.done) return { finding: next.value };
    if ('waitMs' in next.value) {
      running.dueMs = clock.nowMs() + Math.max(0, next.value.waitMs);
      running.reply = { atMs: running.dueMs, json: null, text: '', usage: null };
      return null;
    }
    running.reply = await send(next.value.call);
  }
}

/**
 * Runs scripts side by side on one clock, one call at a time: the whole takes as long as the longest of them. A script
 * whose call is refused ends with the problem; the others go on.
 */
export async function runScripts(
  scripts: readonly Script[],
  clock: ProbeClock,
  send: SendCall,
): Promise<readonly Ending[]> {
  const endings: Ending[] = [];
  const startMs = clock.nowMs();
  let open: Running[] = scripts.map((script, index) => ({ index, script, dueMs: startMs, reply: null }));
  while (open.length > 0) {
    const next = open.reduce((a, b) => (b.dueMs < a.dueMs ? b : a));
    const leftMs = next.dueMs - clock.nowMs();
    if (leftMs > 0) await clock.wait(leftMs);
    const ending = await advance(next, clock, send).catch((error: unknown) => ({
      problem: error instanceof Error ? error.message : String(error),
    }));
    if (!ending) continue;
    endings[next.index] = ending;
    open = open.filter((running) => running !== next);
  }
  return endings;
}
