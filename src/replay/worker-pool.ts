import { Worker } from 'node:worker_threads';

import { executeTask, type ReplayTask, type TaskResult, type TaskSetting } from './tasks.ts';
import type { WorkerMessage } from './worker.ts';

/** Told how many requests have been gone through, over all tasks. */
type ReportProgress = (doneRequests: number) => void;

/** The sources run as they are, the package as JavaScript. */
const WORKER_URL = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

/** Sums what the tasks report, each of them its own count. */
class ProgressSum {
  readonly #report: ReportProgress | undefined;
  readonly #done: number[];

  constructor(tasks: number, report: ReportProgress | undefined) {
    this.#report = report;
    this.#done = Array.from({ length: tasks }, () => 0);
  }

  set(task: number, doneRequests: number): void {
    this.#done[task] = doneRequests;
    this.#report?.(this.#done.reduce((sum, done) => sum + done, 0));
  }
}

/** Runs the tasks one after another in this thread. */
function runHere(
  tasks: readonly ReplayTask[],
  setting: TaskSetting,
  progress: ProgressSum,
): readonly TaskResult[] {
  return tasks.map((task, index) => executeTask(task, setting, (done) => progress.set(index, done)));
}

/** Feeds one worker until no task is left. */
function feed(
  worker: Worker,
  takeTask: () => number,
  tasks: readonly ReplayTask[],
  results: TaskResult[],
  progress: ProgressSum,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let current = -1;
    const next = (): void => {
      current = takeTask();
      const task = tasks[current];
      if (task === undefined) resolve();
      else worker.postMessage(task);
    };
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'progress') {
        progress.set(current, message.doneRequests);
        return;
      }
      results[current] = message.result;
      next();
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('a worker ended before its work was done')));
    next();
  });
}

/**
 * Runs tasks over one trace; every worker takes the next one when it is done. The columns of the trace are in shared
 * memory, so that no worker has a copy. With no workers all is done here.
 */
export async function runTasks(
  tasks: readonly ReplayTask[],
  setting: TaskSetting,
  workerCount: number,
  onProgress?: ReportProgress,
): Promise<readonly TaskResult[]> {
  const progress = new ProgressSum(tasks.length, onProgress);
  if (workerCount === 0) return runHere(tasks, setting, progress);
  const results: TaskResult[] = [];
  let taken = 0;
  const takeTask = (): number => taken++;
  const workers = Array.from(
    { length: Math.min(workerCount, tasks.length) },
    () => new Worker(WORKER_URL, { workerData: setting }),
  );
  try {
    await Promise.all(workers.map((worker) => feed(worker, takeTask, tasks, results, progress)));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return results;
}
