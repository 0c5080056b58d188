import { parentPort, workerData } from 'node:worker_threads';

import { executeTask, type ReplayTask, type TaskResult, type TaskSetting } from './tasks.ts';

/** What a worker thread tells the thread that started it. */
export type WorkerMessage =
  | { readonly kind: 'progress'; readonly doneRequests: number }
  | { readonly kind: 'done'; readonly result: TaskResult };

const setting = workerData as TaskSetting;
const port = parentPort;

function say(message: WorkerMessage): void {
  port?.postMessage(message);
}

port?.on('message', (task: ReplayTask) => {
  const result = executeTask(task, setting, (doneRequests) => say({ kind: 'progress', doneRequests }));
  say({ kind: 'done', result });
});
