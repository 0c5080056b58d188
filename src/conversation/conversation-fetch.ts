import { isObject, stringMember, type JsonObject } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import { KeptConversation } from './conversation.ts';
import { ConversationError } from './errors.ts';
import { append } from './history.ts';
import { readBlocks, type HistoryMessage } from './message.ts';
import type {
  Conversation,
  ConversationAnswer,
  ConversationBehaviour,
  Sent,
  SendOptions,
} from './options.ts';
import { readSettings, type Settings } from './settings.ts';
import { newState } from './state.ts';
import { readEvents } from './stream.ts';

type Fetch = typeof fetch;

/** As of a conversation; what stands before its messages is read from the requests. */
export interface ConversationFetchOptions extends Omit<
  ConversationBehaviour<RequestParts, ConversationAnswer>,
  'send' | 'onEvent'
> {
  /** What really sends. @default the platform's `fetch` */
  readonly fetch?: Fetch;
}

/** A `fetch` for one agent, with the conversation that it holds. */
export type ConversationFetch = Fetch & {
  /** null before the first request. */
  conversation(): Conversation | null;
};

/** An answer of the API that is no message; it goes back to the client as it is. */
class RefusedError extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super(`the API answered ${response.status}`);
    this.response = response;
  }
}

const MESSAGES_PATH = /\/v1\/messages\/?$/;

/** What the API says where it cannot keep the history itself (spec 2.5); the SDK's tool runner then sends all of it. */
function refuseThread(): Response {
  const error = {
    type: 'invalid_request_error',
    message: 'thread: this conversation keeps the history itself; send the whole conversation',
    details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] },
  };
  return Response.json({ type: 'error', error, request_id: null }, { status: 400 });
}

function settingsOf(body: JsonObject): Settings {
  const { model, max_tokens: maxTokens, messages: _messages, system, tools, stream: _stream, ...rest } = body;
  const { cache_control: _marker, ...parameters } = rest;
  return readSettings({
    model: typeof model === 'string' ? model : '',
    maxTokens: Number(maxTokens),
    system: system as string | undefined,
    tools: tools as readonly object[] | undefined,
    parameters,
  });
}

function messagesOf(body: JsonObject): readonly HistoryMessage[] {
  const messages: unknown = body['messages'];
  if (!Array.isArray(messages)) throw new ConversationError('BAD_CONTENT', 'the request has no messages');
  return messages.map((message: HistoryMessage) => ({
    role: message.role,
    content: readBlocks(message.content, 'the content of a message'),
  }));
}

/** The headers of a client's request with those that ours needs; betas are added to those that it has. */
function mergeHeaders(given: RequestInit['headers'], needed: Readonly<Record<string, string>>): Headers {
  const headers = new Headers(given);
  headers.delete('content-length');
  for (const [name, value] of Object.entries(needed)) {
    const known =
      headers
        .get(name)
        ?.split(',')
        .map((each) => each.trim()) ?? [];
    headers.set(name, [...new Set([...known, ...value.split(',')])].join(','));
  }
  return headers;
}

/** One request of the client that is being answered. */
interface Call {
  readonly url: string;
  readonly init: RequestInit;
  readonly isStream: boolean;
  /** Gives the client a stream while it is still coming. */
  readonly begin: (response: Response) => void;
}

const NO_CALL: Call = { url: '', init: {}, isStream: false, begin: () => undefined };

/** A request that is on its way: what the client gets, and when its turn has been kept. */
interface Begun {
  readonly response: Promise<Response>;
  readonly kept: Promise<unknown>;
}

/** The requests of one agent as what is said in one conversation. */
class AgentRequests {
  readonly #options: ConversationFetchOptions;
  readonly #fetch: Fetch;
  #chat: KeptConversation<RequestParts, ConversationAnswer> | null = null;
  #call: Call = NO_CALL;
  #settings = '';
  /** A stream has been read by the client before its turn is kept: what comes next waits for that. */
  #keeping: Promise<unknown> = Promise.resolve();

  constructor(options: ConversationFetchOptions) {
    this.#options = options;
    this.#fetch = options.fetch ?? fetch;
  }

  get chat(): Conversation | null {
    return this.#chat;
  }

  async #send(body: RequestParts, options?: SendOptions): Promise<Sent<ConversationAnswer>> {
    const { url, init, isStream, begin } = this.#call;
    const asksStream = isStream && options?.kind === 'turn';
    const sent = JSON.stringify(asksStream ? { ...body, stream: true } : body);
    const headers = mergeHeaders(init.headers, options?.headers ?? {});
    const response = await this.#fetch(url, { ...init, headers, body: sent });
    if (!response.ok) throw new RefusedError(response);
    if (!asksStream || !response.body) return (await response.json()) as ConversationAnswer;
    const [forClient, forUs] = response.body.tee();
    const { status, statusText, headers: answered } = response;
    begin(new Response(forClient, { status, statusText, headers: answered }));
    return readEvents(forUs);
  }

  #open(
    body: JsonObject,
    earlier: readonly HistoryMessage[],
  ): KeptConversation<RequestParts, ConversationAnswer> {
    const settings = settingsOf(body);
    const known = JSON.stringify(settings);
    if (!this.#chat) {
      const send = (sent: RequestParts, options?: SendOptions): Promise<Sent<ConversationAnswer>> =>
        this.#send(sent, options);
      const state = { ...newState(settings), messages: earlier };
      this.#chat = new KeptConversation({ ...this.#options, send }, state, null, true);
    } else if (known !== this.#settings) this.#chat.change(settings);
    this.#settings = known;
    return this.#chat;
  }

  /** One after the other, whatever the client does: each request extends the one before. */
  async answer(url: string, init: RequestInit, body: JsonObject): Promise<Response> {
    const begun = this.#keeping.then(() => this.#begin(url, init, body));
    this.#keeping = begun.then(({ kept }) => kept);
    return (await begun).response;
  }

  #begin(url: string, init: RequestInit, body: JsonObject): Begun {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    this.#call = { url, init, isStream: body['stream'] === true, begin: resolve };
    const saying = this.#say(body);
    const kept = saying.catch((error: unknown) => this.#tellLate(error));
    // Whoever comes first: the beginning of a stream, or the end of everything.
    saying.then((answer) => resolve(Response.json(answer)), reject);
    const response = promise.catch((error: unknown) => {
      if (error instanceof RefusedError) return error.response;
      throw error;
    });
    return { response, kept };
  }

  /** Somebody who has had the stream already is not told any more that the turn could not be saved. */
  #tellLate(error: unknown): void {
    if (!this.#call.isStream || !(error instanceof ConversationError) || error.code !== 'CONFLICT') return;
    this.#options.onProblem?.({ kind: 'checkpoint', message: error.message });
  }

  async #say(body: JsonObject): Promise<ConversationAnswer> {
    const messages = messagesOf(body);
    const newest = messages.slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1);
    const said = newest.filter(({ role }) => role === 'user').flatMap(({ content }) => content);
    const earlier = messages.slice(0, messages.length - newest.length);
    const chat = this.#open(body, earlier.reduce<readonly HistoryMessage[]>(append, []));
    const told = newest
      .filter(({ role }) => role === 'system')
      .flatMap(({ content }) => content.map((block) => stringMember(block, 'text') ?? ''));
    // A request that is tried again says them again, and they are waiting still.
    const waiting = told.length === 0 ? [] : chat.state.instructions.slice(-told.length);
    if (JSON.stringify(waiting) !== JSON.stringify(told)) for (const text of told) chat.instruct(text);
    return chat.say(said);
  }
}

function readBody(text: unknown): JsonObject | null {
  if (typeof text !== 'string') return null;
  const body: unknown = JSON.parse(text);
  return isObject(body) ? body : null;
}

/**
 * A `fetch` for one agent loop: the tool runner of the official SDK, the AI SDK, or anything that sends its whole history
 * each time. What is new in a request is said in a conversation, which keeps the history, cuts it where it gets too long,
 * and sends it. The agent's own history may grow as it likes. Streams pass as they come, and the turn is kept at their end. One
 * for each agent.
 *
 * @example
 * const agent = conversationFetch({ highTokens: 60_000, lowTokens: 20_000 });
 * const client = new Anthropic({ fetch: agent });
 * await client.beta.messages.toolRunner({ model, max_tokens, messages, tools });
 */
export function conversationFetch(options: ConversationFetchOptions = {}): ConversationFetch {
  const requests = new AgentRequests(options);
  const passOn = options.fetch ?? fetch;
  const run: Fetch = async (input, init = {}) => {
    const url = input instanceof Request ? input.url : String(input);
    const body = MESSAGES_PATH.test(new URL(url).pathname) ? readBody(init.body) : null;
    // An agent that has its own history compacted says nothing with that.
    if (!body || isObject(body['compaction'])) return passOn(input, init);
    return isObject(body['thread']) ? refuseThread() : requests.answer(url, init, body);
  };
  return Object.assign(run, { conversation: () => requests.chat });
}
