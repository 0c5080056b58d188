/** What a reason of a miss means, and what to do about it. */
export interface MissAdvice {
  readonly meaning: string;
  readonly advice: string;
}

const REASONS: Readonly<Record<string, MissAdvice>> = {
  model_changed: {
    meaning: 'The same prompt went to another model before, and models do not share a cache.',
    advice: 'Keep one model for the length of a conversation; switch where a new one begins.',
  },
  tools_changed: {
    meaning:
      'The tools are not the ones sent before: one was added, removed or edited, or they came in another order. Tools stand first, so everything after them is processed again.',
    advice:
      'Send the same tools in the same order every time, for example sorted by name, and limit their use with tool_choice.',
  },
  system_changed: {
    meaning:
      'The system prompt differs from the one sent before, and with it the prefix of all that follows.',
    advice:
      'Keep the system prompt the same byte for byte. What changes, such as a date, belongs behind it: in the newest message.',
  },
  messages_changed: {
    meaning:
      'The conversation differs from the one sent before. Where conversations share their beginning, this is also each new one taking its own way.',
    advice:
      'Append to a conversation and leave what was sent as it is. If these are new conversations, there is nothing to do.',
  },
  parameters_changed: {
    meaning: 'A setting that is part of the prompt changed: thinking, effort, tool_choice or the like.',
    advice: 'Keep these settings for the length of a conversation.',
  },
  expired: {
    meaning: 'The entry was there, and its lifetime was over before the next request came.',
    advice: 'Mark prefixes that come again within the hour for one hour, or let keep-alive hold them.',
  },
  below_minimum: {
    meaning: 'The prefix is shorter than the least that the model caches.',
    advice: 'Put more of what is sent every time in front, or leave it: there is little to gain.',
  },
  outside_lookback: {
    meaning:
      'The entry was there, but too many blocks before the next breakpoint for the service to find it.',
    advice:
      'Set a breakpoint on the way, so that the last one read lies within reach. In mode optimize that is done for you.',
  },
  never_written: {
    meaning: 'Nobody had written this prefix yet: the first request with it has to pay for it.',
    advice: 'Nothing, unless users wait for it: a prefix can be warmed before they come.',
  },
  in_flight: {
    meaning: 'Another request was writing the prefix at that moment, and it could not be read yet.',
    advice:
      'Let the gate hold such requests back until the first answer begins; it is on by default in mode optimize.',
  },
  evicted_or_unknown: {
    meaning:
      'By all that is known the entry should have been there. The service dropped it, or something is not known.',
    advice: 'Now and then is normal. If it goes on, look at the findings under “Alerts”.',
  },
};

/** Every reason that there is words for. */
export const MISS_REASONS: readonly string[] = Object.keys(REASONS);

/** The meaning of a reason, also of one that these pages do not know yet. */
export function adviceFor(reason: string): MissAdvice {
  return (
    REASONS[reason] ?? {
      meaning: 'A reason that this page has no words for.',
      advice: 'See the records below.',
    }
  );
}
