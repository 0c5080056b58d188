import { exponential, uniformInteger, ZipfRanks } from './distributions.ts';
import { defineWorkload, drawTimeToFirstTokenMs, HOUR_MS, type Filling, type Workload } from './workload.ts';

const SYSTEM_TOKENS = 5000;

/** The prefixes as a tree of even width, numbered level by level, and the first block that each begins with. */
function internTree({ builder, random, root }: Filling, prefixes: number, branching: number): Tree {
  const ids = new Int32Array(prefixes);
  const firsts = new Int32Array(prefixes);
  for (let node = 0; node < prefixes; node += 1) {
    const parent = Math.floor(node / branching) - 1;
    const tokens = parent < 0 ? SYSTEM_TOKENS : uniformInteger(random, 200, 1500);
    ids[node] = builder.intern(parent < 0 ? root : (ids[parent] ?? 0), node, tokens);
    firsts[node] = (parent < 0 ? ids[node] : firsts[parent]) ?? 0;
  }
  return { ids, firsts };
}

interface Tree {
  readonly ids: Int32Array;
  readonly firsts: Int32Array;
}

export const large: Workload = defineWorkload({
  summary: 'many requests over many prefixes: a tree whose leaves are used unequally',
  defaults: {
    seed: 8,
    requests: 5_000_000,
    prefixes: 200_000,
    branching: 4,
    hours: 24,
    alpha: 0.9,
    leastTail: 20,
    mostTail: 400,
  },
  fill(target, { requests, prefixes, branching, hours, alpha, leastTail, mostTail }) {
    const { builder, random } = target;
    const { ids, firsts } = internTree(target, prefixes, branching);
    const ranks = new ZipfRanks(prefixes, alpha);
    let startMs = 0;
    for (let request = 0; request < requests; request += 1) {
      // The last nodes of the tree are its leaves: they are the ones in demand.
      const node = prefixes - 1 - ranks.draw(random);
      const prefixId = ids[node] ?? 0;
      const isTool = random() < 0.5;
      startMs += exponential(random, (hours * HOUR_MS) / requests);
      builder.add({
        startMs,
        timeToFirstTokenMs: drawTimeToFirstTokenMs(random, builder.cumulativeTokens(prefixId)),
        prefixId,
        tailTokens: uniformInteger(random, leastTail, mostTail),
        systemEnd: firsts[node] ?? 0,
        conversation: node,
        application: firsts[node] ?? 0,
        kind: isTool ? 'tool' : 'user',
        stop: isTool ? 'tool_use' : 'end_turn',
      });
    }
  },
});
