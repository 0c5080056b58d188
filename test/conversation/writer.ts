/** A process that holds conversations and saves them after each turn until it is killed; says what it has saved. */
import { conversation, type Conversation } from '../../src/conversation/index.ts';
import type { RequestParts } from '../../src/planner/index.ts';
import type { EmulatedMessage } from './emulated.ts';
import { digest, openPlace, promptOf, savedOn, senderTo } from './saved-chat.ts';

const [place = '', url = '', now = '0', first = '0', count = '1'] = process.argv.slice(2);
const store = await openPlace(place);
const send = senderTo(url);
const clock = { nowMs: () => Number(now) };
const chats = new Map<number, Conversation<RequestParts, EmulatedMessage>>();

for (let round = 0; ; round += 1) {
  for (let number = Number(first); number < Number(first) + Number(count); number += 1) {
    const id = `chat-${number}`;
    const saved = savedOn(store, number, clock.nowMs);
    const known = chats.get(number);
    const chat = known ?? conversation({ ...promptOf(number), send, clock, checkpointer: saved, id });
    chats.set(number, chat);
    await chat.say(`Round ${round}: ${'words that matter, '.repeat(20)}`);
    process.stdout.write(`${number} ${chat.totals.turns} ${digest(chat.messages)}\n`);
  }
}
