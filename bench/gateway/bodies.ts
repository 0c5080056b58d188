/** Requests of a given size: a system prompt and a conversation of plain strings, the last message different each time. */
export function makeBodies(bytes: number, count: number, isStream: boolean): readonly string[] {
  const sentence = 'The parcel left the warehouse on Tuesday and the carrier expects it before noon. ';
  const fill = (size: number): string => sentence.repeat(Math.max(1, Math.round(size / sentence.length)));
  const turns = Math.max(1, Math.min(40, Math.floor(bytes / 4_000)));
  const history = Array.from({ length: turns * 2 }, (_, index) => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    content: fill((bytes * 0.5) / (turns * 2)),
  }));
  return Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      model: 'claude-sonnet-5-5',
      max_tokens: 64,
      stream: isStream,
      system: fill(bytes * 0.45),
      messages: [...history, { role: 'user', content: `Question number ${index}: ${fill(bytes * 0.02)}` }],
    }),
  );
}
