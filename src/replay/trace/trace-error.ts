/** A trace that cannot be read: the message is for people, and names file and line where there is one. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}
