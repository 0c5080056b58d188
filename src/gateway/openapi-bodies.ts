import { flag, object, orNull, text, timeMs, whole, type JsonSchema, type Members } from './openapi-parts.ts';

const body: Members = {
  contentType: text,
  bytes: { ...whole, description: 'As they were sent.' },
  text: orNull({
    ...text,
    description: 'Without credentials, and with files replaced by their length and hash.',
  }),
  isCut: { ...flag, description: 'Something is missing at the end of the text.' },
  problem: orNull({ ...text, description: 'Why there is no text.' }),
};

/** What a request and its answer said. */
export const bodiesSchema: JsonSchema = object({
  id: text,
  atMs: timeMs,
  expiresMs: { ...timeMs, description: 'When they are removed, ms since 1970 UTC.' },
  request: object(body),
  answer: orNull(object({ ...body, status: whole })),
});

/** Which bodies are to be removed. */
export const bodyChoiceSchema: JsonSchema = {
  ...object({
    'id?': { ...text, description: 'Of a record.' },
    'scope?': { ...text, description: 'Pseudonym of a scope, as records have it.' },
    'tag?': text,
    'all?': { const: true },
  }),
  minProperties: 1,
  maxProperties: 1,
};

/** How keeping bodies goes. */
export const bodiesHealthSchema: JsonSchema = object({
  isKeeping: flag,
  waiting: whole,
  dropped: { ...whole, description: 'Requests whose bodies were not kept although they should have been.' },
  problem: orNull(text),
});
