import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { getJson } from '../data/api.ts';
import { findDifference, type Difference } from '../data/first-difference.ts';
import type { KeptBodies, Ready } from '../data/types.ts';
import { askFor, usePolled } from '../data/use-polled.ts';
import { formatBytes } from '../format.ts';

const EVERY_MS = 600_000;

type Search = Difference | 'not yet' | 'under way' | 'no difference' | { readonly problem: string };

async function textOf(id: string): Promise<string> {
  const { request } = await getJson<KeptBodies>(`/api/v1/requests/${encodeURIComponent(id)}/body`);
  if (request.text === null || request.isCut)
    throw new Error(request.problem ?? 'of one of them only the beginning is kept');
  return request.text;
}

async function search(olderId: string, newerId: string): Promise<Search> {
  try {
    const [older, newer] = await Promise.all([textOf(olderId), textOf(newerId)]);
    return findDifference(older, newer) ?? 'no difference';
  } catch (error) {
    if (error instanceof SyntaxError) return { problem: 'one of them is no JSON' };
    return { problem: error instanceof Error ? error.message : 'they could not be read' };
  }
}

function Found({ difference }: { readonly difference: Difference }): JSX.Element {
  const { path, sameBytes, older, newer } = difference;
  return (
    <>
      <p>
        They differ first at <code>{path}</code>
        {sameBytes !== null && `, after ${formatBytes(sameBytes)} that are the same`}.
      </p>
      <dl class="advice">
        <dt>Older</dt>
        <dd>{older === null ? 'nothing' : <pre>{older}</pre>}</dd>
        <dt>Newer</dt>
        <dd>{newer === null ? 'nothing' : <pre>{newer}</pre>}</dd>
      </dl>
    </>
  );
}

/** Where the bodies of two requests begin to differ, for gateways that keep bodies: others have no text to show. */
export function BodyDifference(props: {
  readonly olderId: string;
  readonly newerId: string;
}): JSX.Element | null {
  const { value: ready } = usePolled('ready', askFor<Ready>('/readyz'), EVERY_MS);
  const [state, setState] = useState<Search>('not yet');
  if (!ready?.bodies?.isKeeping) return null;
  const look = async (): Promise<void> => {
    setState('under way');
    setState(await search(props.olderId, props.newerId));
  };
  if (state === 'no difference') return <p role="status">Their bodies are the same.</p>;
  if (typeof state === 'object')
    return 'problem' in state ? <p role="status">{state.problem}.</p> : <Found difference={state} />;
  return (
    <button type="button" disabled={state === 'under way'} onClick={() => void look()}>
      Show what they say where they differ
    </button>
  );
}
