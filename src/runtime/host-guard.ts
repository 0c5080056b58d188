/** A name or address that only this machine answers to. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function hostName(hostHeader: string): string {
  return hostHeader.toLowerCase().replace(/:\d+$/, '');
}

/**
 * Guards a local control surface against pages in a browser: a DNS name that was re-bound to loopback shows
 * in `Host`, another site's page shows in `Origin`.
 *
 * @returns a sentence for the refusal, null when the request may pass.
 */
export function refuseForeign(
  headers: { readonly host?: string | undefined; readonly origin?: string | undefined },
  allowedHosts: readonly string[],
): string | null {
  const host = headers.host ?? '';
  const name = hostName(host);
  if (!isLoopbackHost(name) && !allowedHosts.includes(name)) {
    return `the Host header must name this machine or a configured host, got ${JSON.stringify(host.slice(0, 80))}`;
  }
  if (
    headers.origin === undefined ||
    headers.origin === `http://${host}` ||
    headers.origin === `https://${host}`
  ) {
    return null;
  }
  return 'requests from another origin are refused';
}
