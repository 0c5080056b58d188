import { SingleBar } from 'cli-progress';

const STEPS = 1000;

/** A progress bar with the time left, on a terminal; nothing in a pipe. */
export interface Progress {
  /** Begins a part of the work, from nothing. */
  begin(what: string): void;
  /** @param share From 0 to 1. */
  set(share: number): void;
  end(): void;
}

const noProgress: Progress = { begin: () => {}, set: () => {}, end: () => {} };

/** A bar on stderr, so that stdout holds results alone. */
export function createProgress(): Progress {
  if (!process.stderr.isTTY) return noProgress;
  const bar = new SingleBar({
    format: '{what} {bar} {percentage} %, {eta_formatted} left',
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  });
  return {
    begin: (what) => bar.start(STEPS, 0, { what }),
    set: (share) => bar.update(Math.min(STEPS, Math.round(share * STEPS))),
    end: () => bar.stop(),
  };
}
