import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { asksForToken, keepToken } from '../data/api.ts';

/** Asks for the token of the admin listener. */
export function TokenForm(): JSX.Element {
  const [token, setToken] = useState('');
  return (
    <form
      class="panel token"
      onSubmit={(event) => {
        event.preventDefault();
        if (token.trim() !== '') keepToken(token.trim());
      }}
    >
      <h2>This listener asks for its token</h2>
      {asksForToken.value === 'refused' && (
        <p class="problem" role="alert">
          That is not the token.
        </p>
      )}
      <p>It is the one that the gateway was started with. It is kept until this tab is closed.</p>
      <label class="field">
        Admin token
        <input
          type="password"
          autoComplete="off"
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
      </label>
      <button type="submit">Go on</button>
    </form>
  );
}
