import type { CancelTimer, Timers } from '../runtime/index.ts';
import { createUpstream, type UpstreamOptions } from './upstream.ts';

/** Time for an upstream to answer a check, in ms. */
const CHECK_TIMEOUT_MS = 10_000;

/**
 * Can the upstream be reached? Any answer will do, for the check carries no credential.
 *
 * @returns null when it answers, else the reason why not
 */
export async function reachUpstream(options: UpstreamOptions, timers: Timers): Promise<string | null> {
  const upstream = createUpstream(options);
  let cancel: CancelTimer = () => undefined;
  const failure = await new Promise<string | null>((resolve) => {
    const call = upstream.send(
      { method: 'HEAD', path: '/', headers: ['accept', '*/*'], body: null },
      {
        head: () => resolve(null),
        chunk: () => true,
        end: () => resolve(null),
        fail: (error) => resolve(error.message === '' ? error.name : error.message),
      },
    );
    cancel = timers.after(CHECK_TIMEOUT_MS, () => {
      resolve(`no answer within ${CHECK_TIMEOUT_MS / 1000} s`);
      call.abort(new Error('the check took too long'));
    });
  });
  cancel();
  await upstream.close();
  return failure;
}
