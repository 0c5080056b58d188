import { isObject, stringMember, type JsonObject } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import { KeptConversation } from './conversation.ts';
import { ConversationError } from './errors.ts';
import { append } from './history.ts';
import { readBlocks, type HistoryMessage } from './message.ts';
import type { Conversation, ConversationAnswer, ConversationBehaviour } from './options.ts';
import { readSettings, type Settings } from './settings.ts';
import { newState } from './state.ts';

type Fetch = typeof fetch;

/** As of a conversation; what stands before its messages is read from the requests. */
export interface ConversationFetchOptions extends Omit<
  ConversationBehaviour<RequestParts, ConversationAnswer>,
  'send'
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
  const { model, max_tokens: maxTokens, messages: _messages, system, tools, stream, ...rest } = body;
  if (stream === true)
    throw new ConversationError('BAD_CONTENT', 'a conversation cannot be streamed yet: ask without stream');
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

/** The requests of one agent as what is said in one conversation. */
class AgentRequests {
  readonly #options: ConversationFetchOptions;
  readonly #fetch: Fetch;
  #chat: KeptConversation<RequestParts, ConversationAnswer> | null = null;
  #url = '';
  #init: RequestInit = {};
  #settings = '';

  constructor(options: ConversationFetchOptions) {
    this.#options = options;
    this.#fetch = options.fetch ?? fetch;
  }

  get chat(): Conversation | null {
    return this.#chat;
  }

  async #send(body: RequestParts): Promise<ConversationAnswer> {
    const headers = new Headers(this.#init.headers);
    headers.delete('content-length');
    const init = { ...this.#init, headers, body: JSON.stringify(body) };
    const response = await this.#fetch(this.#url, init);
    if (!response.ok) throw new RefusedError(response);
    return (await response.json()) as ConversationAnswer;
  }

  #open(
    body: JsonObject,
    earlier: readonly HistoryMessage[],
  ): KeptConversation<RequestParts, ConversationAnswer> {
    const settings = settingsOf(body);
    const known = JSON.stringify(settings);
    if (!this.#chat) {
      const send = (sent: RequestParts): Promise<ConversationAnswer> => this.#send(sent);
      const state = { ...newState(settings), messages: earlier };
      this.#chat = new KeptConversation({ ...this.#options, send }, state);
    } else if (known !== this.#settings) this.#chat.change(settings);
    this.#settings = known;
    return this.#chat;
  }

  async answer(url: string, init: RequestInit, body: JsonObject): Promise<Response> {
    this.#url = url;
    this.#init = init;
    const messages = messagesOf(body);
    const newest = messages.slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1);
    const said = newest.filter(({ role }) => role === 'user').flatMap(({ content }) => content);
    const earlier = messages.slice(0, messages.length - newest.length);
    const chat = this.#open(body, earlier.reduce<readonly HistoryMessage[]>(append, []));
    for (const { content } of newest.filter(({ role }) => role === 'system'))
      for (const block of content) chat.instruct(stringMember(block, 'text') ?? '');
    try {
      return Response.json(await chat.say(said));
    } catch (error) {
      if (error instanceof RefusedError) return error.response;
      throw error;
    }
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
 * and sends it. The agent's own history may grow as it likes. Not for streams, and one for each agent.
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
    if (!body) return passOn(input, init);
    return isObject(body['thread']) ? refuseThread() : requests.answer(url, init, body);
  };
  return Object.assign(run, { conversation: () => requests.chat });
}
