import { Random } from '../model/random.ts';
import {
  list,
  longString,
  object,
  oddObject,
  oddString,
  oddValue,
  pickStyle,
  plain,
  spell,
  write,
  type Draft,
  type ListDraft,
  type ObjectDraft,
} from './hostile-json.ts';

const MODELS = [
  'claude-opus-5-5',
  'claude-opus-5-5',
  'claude-opus-5-5',
  'claude-haiku-4-5',
  'claude-sonnet-4-5-20250929',
  'nobody-knows-1',
];
const MEBIBYTE = 1 << 20;

/** A place that a marker may be tried on. */
interface Holder {
  readonly draft: ObjectDraft;
  readonly kind: 'good' | 'bad' | 'nested';
}

/** Makes one request for a message of whatever clients, good and bad, may write. */
class BodyMaker {
  readonly #random: Random;
  readonly #holders: Holder[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  make(bytesMin: number): ObjectDraft {
    const random = this.#random;
    const root = object({ model: random.chance(0.05) ? oddValue(random, 1) : plain(random.pick(MODELS)) });
    root.members.push([plain('max_tokens'), Buffer.from(random.pick(['64', '1.0', '1e2']))]);
    if (random.chance(0.6)) root.members.push([spell(random, 'tools'), this.#tools()]);
    if (random.chance(0.8)) root.members.push([spell(random, 'system'), this.#content(bytesMin > 0)]);
    root.members.push([spell(random, 'messages'), this.#messages(bytesMin)]);
    if (random.chance(0.3)) root.members.push([plain('metadata'), oddObject(random)]);
    if (random.chance(0.15))
      root.members.push([
        plain('thinking'),
        object({ type: plain('enabled'), budget_tokens: Buffer.from('1024') }),
      ]);
    if (random.chance(0.04)) root.members.push([spell(random, 'thread'), object({ type: plain('create') })]);
    this.#repeat(root, 0.05, () =>
      random.pick([list(), plain('again'), oddValue(random), this.#content(false)]),
    );
    this.#mark(root);
    this.#shuffle(root);
    return root;
  }

  /** Repeats a member: only the last of a name counts. */
  #repeat(draft: ObjectDraft, probability: number, value: () => Draft): void {
    const random = this.#random;
    if (!random.chance(probability) || draft.members.length === 0) return;
    const [name] = random.pick(draft.members);
    draft.members.splice(random.int(0, draft.members.length), 0, [name, value()]);
  }

  #shuffle(draft: ObjectDraft): void {
    const { members } = draft;
    if (!this.#random.chance(0.5)) return;
    for (let index = members.length - 1; index > 0; index -= 1) {
      const other = this.#random.int(0, index);
      const [a, b] = [members[index], members[other]];
      if (a && b) [members[index], members[other]] = [b, a];
    }
  }

  #tools(): ListDraft {
    const random = this.#random;
    const tools = Array.from({ length: random.int(0, 5) }, (_, index) => {
      const isDeferred = random.chance(0.2);
      const tool = object({
        name: plain(`tool_${index}`),
        description: this.#text(),
        input_schema: oddObject(random),
      });
      if (random.chance(0.2))
        tool.members.push([plain('type'), plain(random.pick(['custom', 'bash_20250124', 'hologram_1']))]);
      if (isDeferred) tool.members.push([plain('defer_loading'), plain(true)]);
      return this.#holder(tool, isDeferred ? 'bad' : 'good');
    });
    return list(...tools, ...(random.chance(0.03) ? [oddValue(random)] : []));
  }

  #text(): Buffer {
    const random = this.#random;
    const roll = random.next();
    if (roll < 0.25) return longString(random, random.int(2_000, 12_000));
    return roll < 0.3 ? plain('') : oddString(random, random.int(1, 20));
  }

  #messages(bytesMin: number): ListDraft {
    const random = this.#random;
    const messages: Draft[] = Array.from({ length: random.int(0, 6) }, () => this.#message());
    if (bytesMin > 0) messages.push(object({ role: plain('user'), content: longString(random, bytesMin) }));
    if (random.chance(0.03)) messages.push(oddValue(random));
    return list(...messages);
  }

  #message(): ObjectDraft {
    const random = this.#random;
    const role = random.pick(['user', 'user', 'assistant', 'assistant', 'system']);
    const isTurnScoped = role === 'system' && random.chance(0.5);
    const message = object({ role: plain(role), content: this.#content(false, isTurnScoped) });
    if (isTurnScoped) message.members.push([plain('clear_at'), plain('next_user_message')]);
    if (random.chance(0.1)) message.members.push([plain('output_config'), object({ effort: plain('low') })]);
    this.#repeat(message, 0.03, () => this.#content(false, isTurnScoped));
    this.#shuffle(message);
    return message;
  }

  #content(isLong: boolean, isTurnScoped = false): Draft {
    const random = this.#random;
    if (isLong || random.chance(0.35)) return this.#text();
    if (random.chance(0.03)) return oddValue(random);
    const blocks: Draft[] = Array.from({ length: random.int(0, 5) }, () => this.#block(isTurnScoped));
    if (random.chance(0.03)) blocks.push(oddValue(random, 1));
    return list(...blocks);
  }

  #holder(draft: ObjectDraft, kind: Holder['kind']): ObjectDraft {
    this.#holders.push({ draft, kind });
    return draft;
  }

  #block(isTurnScoped: boolean): ObjectDraft {
    const random = this.#random;
    const [kind, draft] = this.#bareBlock();
    this.#repeat(draft, 0.03, () =>
      random.pick([plain('text'), plain('thinking'), plain(''), oddValue(random, 1)]),
    );
    this.#shuffle(draft);
    return this.#holder(draft, isTurnScoped ? 'bad' : kind);
  }

  #bareBlock(): [Holder['kind'], ObjectDraft] {
    const random = this.#random;
    const image = { type: plain('base64'), media_type: plain('image/png'), data: longString(random, 400) };
    const makers: readonly (readonly [weight: number, make: () => [Holder['kind'], ObjectDraft]])[] = [
      [10, () => ['good', object({ type: plain('text'), text: this.#text() })]],
      [2, () => ['bad', object({ type: plain('text'), text: plain('') })]],
      [
        3,
        () => [
          'bad',
          object({ type: plain('thinking'), thinking: oddString(random, 9), signature: plain('c2ln') }),
        ],
      ],
      [1, () => ['bad', object({ type: plain('redacted_thinking'), data: plain('c2ln') })]],
      [2, () => ['good', object({ type: plain('image'), source: object(image) })]],
      [
        2,
        () => [
          'good',
          object({
            type: plain('document'),
            source: object({ type: plain('content'), content: this.#inner() }),
            citations: object({ enabled: plain(true) }),
          }),
        ],
      ],
      [
        3,
        () => [
          'good',
          object({
            type: plain('tool_use'),
            id: plain('t1'),
            name: plain('tool_1'),
            input: oddObject(random),
          }),
        ],
      ],
      [
        3,
        () => [
          'good',
          object({
            type: plain('tool_result'),
            tool_use_id: plain('t1'),
            content: random.chance(0.4) ? this.#text() : this.#inner(),
          }),
        ],
      ],
      [
        1,
        () => [
          'good',
          object({
            type: plain('server_tool_use'),
            id: plain('s1'),
            name: plain('web_search'),
            input: oddObject(random),
          }),
        ],
      ],
      [1, () => ['good', object({ type: plain('hologram'), beams: oddValue(random) })]],
      [1, () => ['good', oddObject(random)]],
    ];
    return random.weighted(makers)();
  }

  #inner(): ListDraft {
    const random = this.#random;
    const items = Array.from({ length: random.int(0, 3) }, () =>
      this.#holder(object({ type: plain('text'), text: this.#text() }), 'nested'),
    );
    return list(...items);
  }

  /** Puts markers where the client would: none, a lawful set, any set, or one with a known fault. */
  #mark(root: ObjectDraft): void {
    const random = this.#random;
    const good = this.#holders.filter(({ kind }) => kind === 'good');
    const way = random.next();
    if (way < 0.35) return;
    if (way < 0.6) {
      const count = random.int(1, 4);
      const hours = random.pick([0, 0, 1, 2, 4]);
      const chosen = good.slice(-random.int(count, 12)).slice(0, count);
      for (const [index, { draft }] of chosen.entries())
        this.#put(draft, index < hours ? '1h' : random.pick(['5m', null]));
      if (random.chance(0.2)) this.#put(root, hours === 4 ? '1h' : null);
    } else if (way < 0.85) {
      const probability = random.pick([0.1, 0.3, 0.6]);
      for (const { draft } of this.#holders)
        if (random.chance(probability)) this.#put(draft, random.pick(['5m', '1h', null, null]));
      if (random.chance(0.3)) this.#put(root, random.pick(['5m', '1h', null]));
    } else if (way < 0.93) for (const { draft } of good) this.#put(draft, '1h');
    else
      for (const { draft } of this.#holders)
        if (random.chance(0.2)) draft.members.push([plain('cache_control'), this.#oddMarker()]);
  }

  #oddMarker(): Draft {
    const random = this.#random;
    return random.pick<Draft>([
      plain(null),
      plain(true),
      plain('ephemeral'),
      object({}),
      object({ type: plain('lasting') }),
      object({ type: plain('ephemeral'), ttl: plain('2h') }),
      list(),
    ]);
  }

  #put(draft: ObjectDraft, ttl: '5m' | '1h' | null): void {
    const random = this.#random;
    const marker = object({ type: plain('ephemeral'), ...(ttl === null ? {} : { ttl: plain(ttl) }) });
    if (random.chance(0.1)) marker.members.reverse();
    const at = random.int(0, draft.members.length);
    draft.members.splice(at, 0, [spell(random, 'cache_control'), random.chance(0.08) ? plain(null) : marker]);
    if (random.chance(0.05)) draft.members.push([plain('cache_control'), random.pick([plain(null), marker])]);
  }
}

/** Bytes that are no body of the API at all. */
function nonsense(random: Random): Buffer {
  const good = write(new BodyMaker(random).make(0), pickStyle(random));
  const cut = random.int(0, good.length);
  return random.pick<() => Buffer>([
    () => good.subarray(0, cut),
    () =>
      Buffer.concat([
        good.subarray(0, cut),
        Buffer.from(random.pick(['"', '}', ',', '\\', '\0', '\xff'])),
        good.subarray(cut),
      ]),
    () => Buffer.concat([Buffer.from('\ufeff'), good]),
    () => Buffer.concat([good, good]),
    () => Buffer.concat([Buffer.from('['), good, Buffer.from(']')]),
    () =>
      Buffer.from(
        random.pick([
          '',
          ' ',
          'null',
          '[]',
          '"text"',
          '5',
          'model=claude',
          '{}',
          '{"messages":5}',
          '{"messages":[null,[]],"system":{}}',
        ]),
      ),
    () => Buffer.from(`{"messages":${'['.repeat(random.int(400, 3_000))}`),
    () => Buffer.concat([Buffer.from('{"a":'.repeat(600)), good, Buffer.from('}'.repeat(600))]),
    () => good.subarray(0, Math.max(0, good.length - 1)),
  ])();
}

/** The body of a seed; the same for ever. */
export function makeBody(seed: number): Buffer {
  const random = new Random(seed);
  if (random.chance(0.06)) return nonsense(random);
  const isHuge = random.chance(0.006);
  const style = pickStyle(random);
  const bytes = write(
    new BodyMaker(random).make(isHuge ? random.int(MEBIBYTE, 5 * MEBIBYTE - 100_000) : 0),
    style,
  );
  return random.chance(0.1) ? Buffer.concat([Buffer.from(' \r\n\t'), bytes, Buffer.from('\n')]) : bytes;
}
