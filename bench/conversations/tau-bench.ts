import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

import type { JsonObject } from '../../src/core/index.ts';
import { seededRandom } from '../../src/runtime/index.ts';
import { words } from '../../test/conversation/emulated.ts';
import { textBlock, type ChatStep, type Script } from '../../test/conversation/rivals.ts';

/** A call of a tool as OpenAI's API writes it. */
interface RecordedCall {
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

interface RecordedMessage {
  readonly role: string;
  readonly content?: string | null;
  readonly tool_calls?: readonly RecordedCall[] | null;
  readonly tool_call_id?: string;
}

/** One conversation of tau-bench, as far as it is used. */
interface Recorded {
  readonly traj: readonly RecordedMessage[];
}

type Random = () => number;

function readRecorded(file: string): readonly Recorded[] {
  return JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as readonly Recorded[];
}

function systemOf({ traj }: Recorded): string {
  return traj.find(({ role }) => role === 'system')?.content ?? '';
}

/** Below five minutes. */
function pauseMs(random: Random): number {
  return 5_000 + Math.round(random() * 275_000);
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
export function readOneChat(file: string, turnCount: number, model: string, highTokens: number): Script {
  const all = readRecorded(file);
  const random = seededRandom(1);
  const steps = all
    .flatMap(turnsOf)
    .slice(0, turnCount)
    .map(([said, answer]): ChatStep => {
      return { said: [textBlock(said)], answer: [textBlock(answer)], gapMs: pauseMs(random) };
    });
  const system = all[0] ? systemOf(all[0]) : '';
  return { model, system, tools: [], steps, summary: words(300, 7), highTokens };
}

function readArguments(call: RecordedCall): JsonObject {
  return JSON.parse(call.function.arguments) as JsonObject;
}

/** An answer with its calls, in the blocks of the Messages API. */
function answerOf({ content, tool_calls: calls }: RecordedMessage): readonly JsonObject[] {
  const uses = (calls ?? []).map((call): JsonObject => {
    return { type: 'tool_use', id: call.id, name: call.function.name, input: readArguments(call) };
  });
  return [...(content ? [textBlock(content)] : []), ...uses];
}

/** What the user said, or what a tool has brought. */
function saidIn({ content, tool_call_id: id }: RecordedMessage): JsonObject {
  const text = content ?? '';
  if (id === undefined) return textBlock(text);
  return { type: 'tool_result', tool_use_id: id, ...(text !== '' && { content: text }) };
}

/** Each request of a conversation with its answer. Tools answer within seconds, people within five minutes. */
function stepsOf({ traj }: Recorded, random: Random): readonly ChatStep[] {
  const steps: ChatStep[] = [];
  let said: JsonObject[] = [];
  for (const message of traj.filter(({ role }) => role !== 'system')) {
    if (message.role !== 'assistant') {
      said.push(saidIn(message));
      continue;
    }
    const isPerson = said.some(({ type }) => type === 'text');
    const gapMs = isPerson ? pauseMs(random) : 1_000 + Math.round(random() * 4_000);
    steps.push({ said, answer: answerOf(message), gapMs });
    said = [];
  }
  return steps;
}

/** The tools as far as the file tells them: names and arguments of all calls. */
function toolsOf(all: readonly Recorded[]): readonly JsonObject[] {
  const calls = all.flatMap(({ traj }) => traj.flatMap(({ tool_calls: made }) => made ?? []));
  const byName = Map.groupBy(calls, (call) => call.function.name);
  return [...byName.keys()].toSorted().map((name) => {
    const names = new Set((byName.get(name) ?? []).flatMap((call) => Object.keys(readArguments(call))));
    const properties = Object.fromEntries([...names].toSorted().map((argument) => [argument, {}]));
    return { name, description: name.replaceAll('_', ' '), input_schema: { type: 'object', properties } };
  });
}

/** Every conversation of a file of tau-bench by itself, with its calls of tools and what they brought. */
export function readEachChat(file: string, model: string, highTokens: number): readonly Script[] {
  const all = readRecorded(file);
  const tools = toolsOf(all);
  return all.map((recorded, index) => {
    const steps = stepsOf(recorded, seededRandom(index + 1));
    return { model, system: systemOf(recorded), tools, steps, summary: words(100, 7), highTokens };
  });
}
