import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

import { seededRandom } from '../../src/runtime/index.ts';
import type { ChatTurn, Script } from '../../test/conversation/rivals.ts';

/** One conversation of tau-bench, as far as it is used. */
interface Recorded {
  readonly traj: readonly { readonly role: string; readonly content?: string | null }[];
}

/** What the user said, and all that the agent answered before the user spoke again; calls of tools are left out. */
function turnsOf({ traj }: Recorded): readonly (readonly [string, string])[] {
  const turns: [string, string[]][] = [];
  for (const { role, content } of traj) {
    if (role === 'user') turns.push([content ?? '', []]);
    else if (role === 'assistant' && content) turns.at(-1)?.[1].push(content);
  }
  return turns.flatMap(([said, answers]) =>
    said.trim() !== '' && answers.length > 0 ? [[said, answers.join('\n')] as const] : [],
  );
}

/** The first turns of a file of tau-bench, one conversation after the other, as one long chat at the same desk. */
export function readTauBench(file: string, turnCount: number, model: string, highTokens: number): Script {
  const all = JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as readonly Recorded[];
  const random = seededRandom(1);
  const turns = all
    .flatMap(turnsOf)
    .slice(0, turnCount)
    .map(([said, answer]): ChatTurn => {
      return { said, answer, gapMs: 5_000 + Math.round(random() * 275_000) };
    });
  const system = all[0]?.traj.find(({ role }) => role === 'system')?.content ?? '';
  return { model, system, turns, highTokens };
}
