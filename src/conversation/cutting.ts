import type { JsonObject } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import { askApi, askModel } from './ask-summary.ts';
import type { Limits } from './limits.ts';
import type { ConversationAnswer, ConversationBehaviour } from './options.ts';
import type { Requests } from './requests.ts';
import { Shortener } from './shorten.ts';
import { Summaries } from './summaries.ts';
import { SUMMARY_REQUEST } from './summary.ts';

const SUMMARY_TOKENS = 2_048;
/** The service's own summary takes its thinking from the same budget. */
const API_SUMMARY_TOKENS = 4_096;
const SUMMARY_TRIES = 2;

/** What cuts a conversation, with the summaries that it uses. */
export interface Cutting<Body extends RequestParts, Answer extends ConversationAnswer> {
  readonly summaries: Summaries;
  readonly shortener: Shortener<Body, Answer>;
}

/** Puts together what a strategy needs. */
export function cuttingFor<Body extends RequestParts, Answer extends ConversationAnswer>(
  requests: Requests<Body, Answer>,
  options: ConversationBehaviour<Body, Answer>,
  limits: Limits,
): Cutting<Body, Answer> {
  const { strategy = 'drop-oldest', summaryTries = SUMMARY_TRIES, summaryRequest } = options;
  const isApi = strategy === 'api';
  const bounded = Math.min(SUMMARY_TOKENS, Math.ceil(limits.lowTokens / 4));
  const summaryTokens = options.summaryTokens ?? (isApi ? API_SUMMARY_TOKENS : bounded);
  const request: JsonObject = { type: 'text', text: summaryRequest ?? SUMMARY_REQUEST };
  const ask = isApi
    ? askApi(requests, summaryTokens, summaryRequest)
    : askModel(requests, summaryTokens, request);
  const summaries = new Summaries(ask, summaryTries);
  const shortener = new Shortener(requests, summaries, {
    strategy,
    limits,
    summaryRequest: request,
    summaryTokens,
  });
  return { summaries, shortener };
}
