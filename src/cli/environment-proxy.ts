import { UsageError } from './errors.ts';

function readEnvironment(name: string): string | undefined {
  return process.env[name.toLowerCase()] ?? process.env[name];
}

/** A proxy of the environment; `host:port` alone is a plain one, as other programs take it. */
function readProxy(name: string): string | undefined {
  const given = readEnvironment(name);
  if (!given) return undefined;
  const url = given.includes('://') ? given : `http://${given}`;
  if (URL.canParse(url) && /^(https?|socks5?):$/.test(new URL(url).protocol)) return url;
  // What was given is not shown: it may hold a password.
  throw new UsageError(`${name} must be the URL of an http, https or socks5 proxy`);
}

/** The proxies that the environment names, as other programs read it; null without one. */
export function proxyFromEnvironment(): { httpProxy?: string; httpsProxy?: string; noProxy?: string } | null {
  const httpProxy = readProxy('HTTP_PROXY');
  const httpsProxy = readProxy('HTTPS_PROXY');
  const noProxy = readEnvironment('NO_PROXY');
  if (!httpProxy && !httpsProxy) return null;
  return {
    ...(httpProxy ? { httpProxy } : {}),
    ...(httpsProxy ? { httpsProxy } : {}),
    ...(noProxy ? { noProxy } : {}),
  };
}
