import type { KeepAliveState } from './kept-entry.ts';

/** Who has agreed to pings. */
export interface Consent {
  /** What counts for a request: the kill switch, then what was said of its scope, then what it asks for, then the default. */
  stateFor(scope: string, asked: KeepAliveState | null): KeepAliveState;
  /** What counts where nobody has said anything; `off` is the kill switch, which nobody can overrule. */
  setDefault(state: KeepAliveState): void;
  /** null forgets what was said of the scope. */
  setScope(scope: string, state: KeepAliveState | null): void;
  readonly isKilled: boolean;
  readonly defaultState: KeepAliveState;
  scopes(): ReadonlyMap<string, KeepAliveState>;
}

/** Scopes of which something is remembered; what was said first goes first. */
const SCOPES_MAX = 10_000;

/** @param configured what counts where nobody has said anything */
export function createConsent(configured: KeepAliveState): Consent {
  const scopes = new Map<string, KeepAliveState>();
  let isKilled = false;
  let defaultState = configured;
  return {
    stateFor: (scope, asked) => (isKilled ? 'off' : (scopes.get(scope) ?? asked ?? defaultState)),
    setScope(scope, state) {
      scopes.delete(scope);
      if (state !== null) scopes.set(scope, state);
      if (scopes.size > SCOPES_MAX) scopes.delete(scopes.keys().next().value ?? '');
    },
    setDefault(state) {
      isKilled = state === 'off';
      defaultState = state;
    },
    get defaultState() {
      return defaultState;
    },
    get isKilled() {
      return isKilled;
    },
    scopes: () => scopes,
  };
}
