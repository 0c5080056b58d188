import { TTL_5M, type ReplayPolicy } from '../policy.ts';
import { NO_PREFIX, type RequestColumns, type Trace } from '../trace/trace.ts';
import { addBreakpoint } from './breakpoints.ts';
import { UseHistory } from './use-history.ts';

function conversationCount({ conversations, count }: RequestColumns): number {
  let highest = -1;
  for (let request = 0; request < count; request += 1)
    highest = Math.max(highest, conversations[request] ?? 0);
  return highest + 1;
}

/** The rule of thumb that many articles repeat: cache what is used often, or soon after its last use. */
export const articlePolicy: ReplayPolicy = {
  name: 'article',
  summary: 'system and last block for five minutes, each if used over 5 times an hour or mostly within 300 s',
  isClairvoyant: false,
  start({ requests, trie }: Trace) {
    const { startMs, systemEnds, prefixIds, conversations } = requests;
    const systems = new UseHistory(trie.count);
    const tails = new UseHistory(conversationCount(requests));
    return {
      place(request, placements) {
        const nowMs = startMs[request] ?? 0;
        const system = systemEnds[request] ?? NO_PREFIX;
        const conversation = conversations[request] ?? 0;
        if (system >= 0) {
          if (systems.isWorthCaching(system, nowMs)) addBreakpoint(placements, system, TTL_5M);
          systems.use(system, nowMs);
        }
        if (tails.isWorthCaching(conversation, nowMs))
          addBreakpoint(placements, prefixIds[request] ?? NO_PREFIX, TTL_5M);
        tails.use(conversation, nowMs);
      },
    };
  },
};
