import { describe, expect, it } from 'vitest';

import { dropOldest, summaryBlock } from './cut.ts';
import type { HistoryMessage } from './message.ts';

function say(role: HistoryMessage['role'], text: string): HistoryMessage {
  return { role, content: [{ type: 'text', text }] };
}

const chat = Array.from({ length: 8 }, (_, index) =>
  say(index % 2 === 0 ? 'user' : 'assistant', `m${index}`),
);
const budget = {
  tokens: 2,
  turns: Infinity,
  sizeOf: (messages: readonly HistoryMessage[]) => messages.length,
};

describe('dropOldest', () => {
  it('keeps the longest rest that fits', () => {
    const cut = dropOldest(chat, budget);
    expect(cut?.messages).toEqual(chat.slice(6));
    expect(cut?.dropped).toEqual(chat.slice(0, 6));
  });

  it('drops nothing that a summary does not cover, even where the rest does not fit', () => {
    const cut = dropOldest(chat, budget, { block: summaryBlock('so far'), covers: 4 });
    expect(cut?.dropped).toEqual(chat.slice(0, 4));
    expect(cut?.messages[0]?.content).toEqual([summaryBlock('so far'), { type: 'text', text: 'm4' }]);
  });

  it('leaves more where what fits is too short to be cached, if that is still a large cut', () => {
    const wide = { ...budget, tokens: 3, leastTokens: 3, mostTokens: 4 };
    expect(dropOldest(chat, wide)?.messages).toEqual(chat.slice(4));
    expect(dropOldest(chat, { ...wide, leastTokens: 2 })?.messages).toEqual(chat.slice(6));
    expect(dropOldest(chat, { ...wide, mostTokens: 3 })?.messages).toEqual(chat.slice(6));
    expect(dropOldest(chat, { ...wide, tokens: 1 })?.messages).toEqual(chat.slice(4));
  });

  it('has nothing to drop in a first turn', () => {
    expect(dropOldest(chat.slice(0, 1), budget)).toBeNull();
  });
});
