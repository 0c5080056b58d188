import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Is every thread of the process stopped? What cannot be seen counts as stopped. */
function isStopped(pid: number): boolean {
  const folder = `/proc/${pid}/task`;
  if (!existsSync(folder)) return true;
  return readdirSync(folder).every((thread) =>
    /\) [Tt] /.test(readFileSync(`${folder}/${thread}/stat`, 'utf8')),
  );
}

/** Stops a process where it stands, and returns when it does: a thread on another core may run on for a moment. */
export function freezeProcess(child: ChildProcess | null): void {
  if (!child?.pid) return;
  child.kill('SIGSTOP');
  const untilMs = performance.now() + 1_000;
  while (!isStopped(child.pid) && performance.now() < untilMs);
}
