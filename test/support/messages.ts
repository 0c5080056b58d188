/** `usage` of an answer, as the API writes it. */
export interface TestUsage {
  readonly input: number;
  readonly read?: number;
  readonly write5m?: number;
  readonly write1h?: number;
  readonly output?: number;
  /** Further members, in the API's names. */
  readonly more?: Record<string, unknown>;
}

/** The API's form of a usage. */
function usageJson({ input, read = 0, write5m = 0, write1h = 0, output = 7, more = {} }: TestUsage): object {
  return {
    input_tokens: input,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: write5m + write1h,
    cache_creation: { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h },
    output_tokens: output,
    service_tier: 'standard',
    ...more,
  };
}

function message(usage: TestUsage, content: readonly object[], stopReason: string | null): object {
  return {
    id: 'msg_test',
    type: 'message',
    role: 'assistant',
    model: 'claude-opus-5-5',
    content,
    stop_reason: stopReason,
    stop_sequence: null,
    usage: usageJson(usage),
  };
}

/** A whole answer as JSON text. */
export function messageJson(usage: TestUsage = { input: 10 }): string {
  return JSON.stringify(message(usage, [{ type: 'text', text: 'Fine.' }], 'end_turn'));
}

function sse(type: string, members: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
}

/** A whole answer as its server-sent events, one text each. */
export function messageEvents(usage: TestUsage = { input: 10 }): readonly string[] {
  return [
    sse('message_start', { message: message({ ...usage, output: 1 }, [], null) }),
    sse('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    sse('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Fine.' } }),
    sse('content_block_stop', { index: 0 }),
    sse('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: usage.output ?? 7 } }),
    sse('message_stop', {}),
  ];
}

/** Words enough for about as many tokens. */
export function words(count: number, word = 'lorem'): string {
  return Array.from({ length: count }, (_, index) => `${word}${index % 7}`).join(' ');
}

/** A request that is worth marking: system and conversation far above the minimum of its model. */
export function longRequest(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    model: 'claude-opus-5-5',
    max_tokens: 64,
    system: words(1_500),
    messages: [{ role: 'user', content: words(1_500, 'ipsum') }],
    ...more,
  };
}
