/** An answer that is an error, in the API's form (spec 1.6). */
export interface ApiError {
  readonly status: number;
  readonly type: string;
  readonly message: string;
  /** `error.details`, where the API gives any. */
  readonly details?: unknown;
  readonly retryAfterS?: number;
}

const TYPE_BY_STATUS: { readonly [status: number]: string } = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** The error type that belongs to a status. */
export function errorTypeFor(status: number): string {
  return TYPE_BY_STATUS[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
}

/** A 400 with a message. */
export function invalidRequest(message: string, details?: unknown): ApiError {
  return {
    status: 400,
    type: 'invalid_request_error',
    message,
    ...(details === undefined ? {} : { details }),
  };
}

/** A 404 with a message. */
export function notFound(message: string): ApiError {
  return { status: 404, type: 'not_found_error', message };
}

/** The body of an error answer. */
export function errorBody(error: ApiError, requestId: string): unknown {
  const { type, message, details } = error;
  return {
    type: 'error',
    error: { type, message, ...(details === undefined ? {} : { details }) },
    request_id: requestId,
  };
}
