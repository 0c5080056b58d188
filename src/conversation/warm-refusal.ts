import { isObject } from '../core/index.ts';
import { ConversationError } from './errors.ts';
import type { HistoryMessage } from './message.ts';
import type { Settings } from './settings.ts';

/** @throws ConversationError `BAD_CONTENT` where a request without output would be refused (spec 1.6, 10.2). */
export function checkWarm(messages: readonly HistoryMessage[], { parameters }: Settings): void {
  const member = (name: string, inner: string): unknown => {
    const value = parameters[name];
    return isObject(value) ? value[inner] : undefined;
  };
  const choice = member('tool_choice', 'type');
  const reasons: readonly (readonly [boolean, string])[] = [
    [messages.length === 0, 'nothing has been said yet'],
    [member('thinking', 'type') === 'enabled', 'thinking is enabled with a budget'],
    [choice === 'any' || choice === 'tool', 'tool_choice asks for a call'],
    [(member('output_config', 'format') ?? null) !== null, 'it asks for structured output'],
  ];
  const found = reasons.find(([applies]) => applies);
  if (found) throw new ConversationError('BAD_CONTENT', `this conversation cannot be warmed: ${found[1]}`);
}
