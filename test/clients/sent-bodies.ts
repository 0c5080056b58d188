import { z } from 'zod';

/** A block of a request. */
export interface SentBlock {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** A request's body as a client has sent it: the members that the tests look at. */
export interface SentBody {
  readonly messages: readonly { readonly role: string; readonly content: string | readonly SentBlock[] }[];
  readonly system?: unknown;
  readonly stream?: unknown;
  readonly tools?: unknown;
  readonly tool_choice?: unknown;
  readonly cache_control?: unknown;
  readonly output_config?: unknown;
}

const sentBlock: z.ZodType<SentBlock> = z.looseObject({ type: z.string() });

const sentBody: z.ZodType<SentBody> = z.looseObject({
  messages: z.array(z.looseObject({ role: z.string(), content: z.union([z.string(), z.array(sentBlock)]) })),
});

/** Bodies that clients have sent, in order. */
export function sentBodies(recorded: readonly { readonly body: unknown }[]): readonly SentBody[] {
  return recorded.map(({ body }) => sentBody.parse(body));
}

/** Id and text of each tool result in a request. */
export function toolResultsOf(
  body: SentBody | undefined,
): readonly (readonly [id: unknown, text: unknown])[] {
  const blocks = (body?.messages ?? []).flatMap(({ content }) =>
    typeof content === 'string' ? [] : content,
  );
  const results = blocks.filter(({ type }) => type === 'tool_result');
  return results.map((result) => [result['tool_use_id'], result['content']]);
}

/** Does each request repeat the messages of the one before and add to them? */
export function isGrowing(bodies: readonly SentBody[]): boolean {
  return bodies.every(({ messages }, index) => {
    const before = bodies[index - 1]?.messages ?? [];
    const repeated = messages.slice(0, before.length);
    return before.length < messages.length && JSON.stringify(repeated) === JSON.stringify(before);
  });
}
