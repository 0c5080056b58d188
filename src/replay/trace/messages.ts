import type { RecordReader } from './record-reader.ts';
import { guessTimeToFirstTokenMs } from './record-reader.ts';
import { readMessageRequest, type MessageRequest } from './message-request.ts';
import { PathReader, type RequestPath } from './request-path.ts';
import type { TraceBuilder } from './trace-builder.ts';
import { NO_PREFIX } from './trace.ts';

/** A conversation and its latest request. */
interface Conversation {
  readonly number: number;
  row: number;
  startMs: number;
  messageCount: number;
  /** Whether the log told when the latest answer began. */
  isTimed: boolean;
}

/** Tells conversations apart, by name where there is one, else by requests that go on where another one ended. */
class Conversations {
  readonly #named = new Map<string, Conversation>();
  /** By the prefixes at which requests ended. */
  readonly #ended = new Map<number, Conversation>();
  #count = 0;

  of(request: MessageRequest, path: RequestPath): Conversation {
    const found = this.#find(request, path) ?? this.#open(request);
    if (request.conversation !== null) this.#named.set(request.conversation, found);
    else this.#ended.set(path.prefixIds.at(-1) ?? NO_PREFIX, found);
    return found;
  }

  #find({ conversation }: MessageRequest, { prefixIds }: RequestPath): Conversation | undefined {
    if (conversation !== null) return this.#named.get(conversation);
    const end = prefixIds.findLast((prefixId) => this.#ended.has(prefixId));
    return end === undefined ? undefined : this.#ended.get(end);
  }

  #open({ startMs, messageCount }: MessageRequest): Conversation {
    this.#count += 1;
    return { number: this.#count - 1, row: -1, startMs, messageCount, isTimed: true };
  }
}

/** Numbers what is seen for the first time. */
class Numbers {
  readonly #known = new Map<number, number>();

  of(value: number): number {
    const number = this.#known.get(value) ?? this.#known.size;
    this.#known.set(value, number);
    return number;
  }
}

/**
 * Reads Messages requests with their times, one a line: `t` (seconds) or `timestamp` (ms), or either as RFC 3339; the body
 * as `body`, `request`, `params`, or the line itself; and if known `ttft_ms`, `conversation` or `session`, `scope`, and
 * `response` with `status`, `stop_reason` and `usage`. Captures are such lines with `path` and `headers`. What asks for
 * no message, or failed, is passed over. Tokens are estimates. An answer began before the conversation went on.
 */
export function createMessagesReader(builder: TraceBuilder, format: 'requests' | 'captures'): RecordReader {
  const paths = new PathReader(builder);
  const conversations = new Conversations();
  const applications = new Numbers();

  /** The request before it in the conversation was answered by then. */
  function goOn(conversation: Conversation, request: MessageRequest): void {
    const isNext = conversation.row >= 0 && request.messageCount > conversation.messageCount;
    if (!isNext || conversation.isTimed) return;
    builder.limitTimeToFirstToken(conversation.row, Math.max(0, request.startMs - conversation.startMs));
  }

  return {
    format,
    hasLookbackLimit: true,
    startsAtZero: true,
    read(record) {
      const request = readMessageRequest(record);
      if (!request) return;
      const path = paths.read(request);
      const prefixId = path.prefixIds.at(-1) ?? NO_PREFIX;
      const conversation = conversations.of(request, path);
      goOn(conversation, request);
      const { startMs, messageCount, outputTokens, kind, stop } = request;
      const { toolsEnd, systemEnd, documentsEnd, totalTokens } = path;
      Object.assign(conversation, {
        row: builder.requestCount,
        startMs,
        messageCount,
        isTimed: request.timeToFirstTokenMs !== null,
      });
      builder.add({
        startMs,
        timeToFirstTokenMs: request.timeToFirstTokenMs ?? guessTimeToFirstTokenMs(totalTokens),
        prefixId,
        tailTokens: Math.max(0, totalTokens - builder.cumulativeTokens(prefixId)),
        outputTokens,
        toolsEnd,
        systemEnd,
        documentsEnd,
        conversation: conversation.number,
        application: applications.of(systemEnd === NO_PREFIX ? toolsEnd : systemEnd),
        model: builder.model(request.model),
        kind,
        stop,
      });
    },
  };
}
