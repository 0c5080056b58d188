import { signal, type Signal } from '@preact/signals';

/** Which screen is shown, and what it was told: all of it is in the URL, so it can be sent to somebody. */
export interface Route {
  readonly screen: string;
  readonly params: Readonly<Record<string, string>>;
}

function readRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  return { screen: path, params: Object.fromEntries(new URLSearchParams(query)) };
}

/** The route as the URL has it. */
export const route: Signal<Route> = signal(readRoute(location.hash));

addEventListener('hashchange', () => {
  route.value = readRoute(location.hash);
});

/** Filters that stay when another screen is opened. */
const KEPT = ['range', 'from', 'to', 'model', 'tag', 'scope'];

/** The URL of a screen. Filters stay as they are; what else it is told is given. */
export function linkTo(screen: string, params: Readonly<Record<string, string>> = {}): string {
  const kept = Object.entries(route.value.params).filter(([name]) => KEPT.includes(name));
  const query = new URLSearchParams({ ...Object.fromEntries(kept), ...params }).toString();
  return `#/${screen}${query && `?${query}`}`;
}

/** What else leaves requests out of their list. */
const OF_LIST = ['reason', 'cost'];

/** Tells the screen that is shown something else; null takes it back. Of other requests the first page is shown. */
export function setParams(changes: Readonly<Record<string, string | null>>): void {
  const isOther = Object.keys(changes).some((name) => KEPT.includes(name) || OF_LIST.includes(name));
  const params: Readonly<Record<string, string | null>> = {
    ...route.value.params,
    ...(isOther && { before: null }),
    ...changes,
  };
  const named = Object.entries(params).filter((entry): entry is [string, string] => entry[1] !== null);
  const query = new URLSearchParams(named).toString();
  location.hash = `#/${route.value.screen}${query && `?${query}`}`;
}
