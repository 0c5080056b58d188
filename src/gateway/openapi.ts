import type { JsonSchema } from './openapi-parts.ts';
import { MISS_REASONS } from '../ledger/index.ts';
import { openApiSchemas } from './openapi-schemas.ts';

/** A parameter of a query, or a part of a path. */
interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly required: boolean;
  readonly description: string;
  readonly schema: JsonSchema;
}

/** One method of one path, as OpenAPI describes it. */
export interface Operation {
  readonly summary: string;
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: unknown;
  readonly responses: Readonly<Record<string, unknown>>;
}

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: unknown;
  readonly security: readonly unknown[];
}

const text: JsonSchema = { type: 'string' };

function parameter(name: string, description: string, schema: JsonSchema = text): Parameter {
  return { name, in: 'query', required: false, description, schema };
}

const narrowing: readonly Parameter[] = [
  parameter('from', 'From this time on: ms since 1970, or RFC 3339.'),
  parameter('to', 'Before this time.'),
  parameter('scope', 'Pseudonym of a scope, as records have it.'),
  parameter('model', 'Model id, as records have it.'),
  parameter('tag', 'A tag that requests carried.'),
];

const limit: Parameter = parameter('limit', 'At most so many; 100 without it.', {
  type: 'integer',
  minimum: 1,
  maximum: 1000,
});

function jsonOf(name: string): unknown {
  return { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } };
}

function textOf(mediaType: string): unknown {
  return { [mediaType]: { schema: text } };
}

function operation(
  operationId: string,
  summary: string,
  content: unknown,
  more: Partial<Pick<Operation, 'parameters' | 'requestBody' | 'responses'>> = {},
): Operation {
  const refusal = { description: 'Refused: why, in a sentence.', content: jsonOf('Error') };
  return {
    operationId,
    summary,
    ...more,
    responses: { '200': { description: summary, content }, '4XX': refusal, ...more.responses },
  };
}

/** What answers from the ledger may say besides. */
const unreadable: Operation['responses'] = {
  '503': { description: 'The ledger cannot be read now: why, in a sentence.', content: jsonOf('Error') },
};

const rootContent = {
  'application/json': { schema: { $ref: '#/components/schemas/Root' } },
  'text/html': { schema: text },
};

const exportContent = {
  'text/csv': { schema: text },
  'application/x-ndjson': { schema: text },
};

const paths: OpenApiDocument['paths'] = {
  '/': {
    get: operation('root', 'What this is and which paths exist; for browsers the dashboard.', rootContent),
  },
  '/healthz': { get: operation('health', 'The process answers.', jsonOf('Health')) },
  '/readyz': { get: operation('ready', 'Requests can be taken; what has failed.', jsonOf('Ready')) },
  '/metrics': {
    get: operation('metrics', 'Metrics as Prometheus reads them.', textOf('text/plain')),
  },
  '/api/v1/summary': {
    get: operation('summary', 'What was paid, saved and missed.', jsonOf('Summary'), {
      responses: unreadable,
      parameters: narrowing,
    }),
  },
  '/api/v1/timeline': {
    get: operation('timeline', 'The same by time and model.', jsonOf('Timeline'), {
      responses: unreadable,
      parameters: [
        ...narrowing,
        parameter('bucketMs', 'Length of a bucket: a multiple of five minutes; an hour without it.', {
          type: 'integer',
          minimum: 300_000,
          multipleOf: 300_000,
        }),
      ],
    }),
  },
  '/api/v1/reuse': {
    get: operation('reuse', 'How long after their last use prefixes were wanted again.', jsonOf('Reuse'), {
      responses: unreadable,
      parameters: narrowing,
    }),
  },
  '/api/v1/requests': {
    get: operation('requests', 'Records, newest or dearest first.', jsonOf('Records'), {
      responses: unreadable,
      parameters: [
        limit,
        parameter('before', 'Id of a record that all given ones come behind in the list.'),
        ...narrowing,
        parameter('reason', 'Of a miss: those that missed something for it.', {
          type: 'string',
          enum: MISS_REASONS,
        }),
        parameter('minCostUsd', 'Those that cost so many dollars or more.', { type: 'number', minimum: 0 }),
        parameter('id', 'The one of this id.'),
        parameter('order', 'Newest first, or by what was lost to the reason, the dearest first.', {
          type: 'string',
          enum: ['newest', 'dearest'],
        }),
      ],
    }),
  },
  '/api/v1/requests/{id}/body': {
    get: operation('bodies', 'What a request and its answer said, where that is kept.', jsonOf('Bodies'), {
      responses: unreadable,
      parameters: [
        { ...parameter('id', 'Of the record, as x-cachewright-id has it.'), in: 'path', required: true },
      ],
    }),
  },
  '/api/v1/bodies/purge': {
    post: operation('purgeBodies', 'Removes bodies that are kept.', jsonOf('BodiesPurged'), {
      responses: unreadable,
      requestBody: { required: true, content: jsonOf('BodyChoice') },
    }),
  },
  '/api/v1/export': {
    get: operation('export', 'All records as a file, oldest first.', exportContent, {
      responses: unreadable,
      parameters: [
        parameter('format', 'csv without it.', { type: 'string', enum: ['csv', 'jsonl'] }),
        ...narrowing,
      ],
    }),
  },
  '/api/v1/findings': {
    get: operation('findings', 'What keeps requests from being read.', jsonOf('Findings'), {
      parameters: [
        parameter('scope', 'Of one scope.'),
        parameter('model', 'Of one model.'),
        parameter('code', 'Of one kind.'),
      ],
    }),
  },
  '/api/v1/keep-alive': {
    get: operation('keepAlive', 'What keep-alive has done.', jsonOf('KeepAlive')),
    post: operation('orderKeepAlive', 'Turns keep-alive on and off.', jsonOf('KeepAlive'), {
      requestBody: { required: true, content: jsonOf('KeepAliveOrder') },
    }),
  },
  '/api/v1/integrity': {
    get: operation('integrity', 'Where bills differ from predictions.', jsonOf('Integrity'), {
      parameters: [limit],
    }),
  },
  '/api/v1/alerts': {
    get: operation('alerts', 'What has become bad, and good again.', jsonOf('Alerts'), {
      parameters: [limit],
    }),
  },
  '/api/v1/gate': { get: operation('gate', 'What holding requests back has done.', jsonOf('Gate')) },
  '/api/v1/responses': {
    get: operation(
      'responses',
      'What exact answers have done, and how their store does.',
      jsonOf('Responses'),
    ),
  },
  '/api/v1/responses/purge': {
    post: operation(
      'purgeResponses',
      'Drops kept answers, in every gateway on the store.',
      jsonOf('Purged'),
      {
        requestBody: { required: true, content: jsonOf('PurgeOrder') },
      },
    ),
  },
  '/api/v1/openapi.json': {
    get: operation('openapi', 'This document.', { 'application/json': { schema: { type: 'object' } } }),
  },
};

/** The admin listener's contract. Whatever it answers stands here; a test sees to that. */
export const openApiDocument: OpenApiDocument = {
  openapi: '3.1.0',
  info: {
    title: 'Cachewright admin',
    version: '1',
    description:
      'What the gateway paid, saved and missed. What changes state needs content-type: application/json and the header x-cachewright-admin: 1.',
  },
  paths,
  components: {
    schemas: openApiSchemas,
    securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
  },
  // Loopback asks for none unless one is configured.
  security: [{}, { token: [] }],
};

/** The same without paths that a gateway does not have, for parts of it can be left out. */
export function describeAdmin(served: ReadonlySet<string>): OpenApiDocument {
  const routeOf = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1');
  const there = Object.entries(paths).filter(([path]) => served.has(routeOf(path)));
  return { ...openApiDocument, paths: Object.fromEntries(there) };
}
