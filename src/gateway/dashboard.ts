import { readdir, readFile } from 'node:fs/promises';

import type { Context, MiddlewareHandler } from 'hono';

/** A file of the dashboard as it is answered. */
interface DashboardFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly mediaType: string;
  readonly cacheControl: string;
}

/** The built dashboard: files by the path they are asked for under; the page itself is `/`. */
type Dashboard = ReadonlyMap<string, DashboardFile>;

/** Where a built package has it, and where running from source finds what was built. */
const FOLDERS: readonly URL[] = [
  new URL('../dashboard/', import.meta.url),
  new URL('../../dist/dashboard/', import.meta.url),
];

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

const PAGE_TYPE = 'text/html; charset=utf-8';

/** Every script, style and call must come from the listener itself, and nobody may frame the page. */
const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'referrer-policy': 'no-referrer',
};

const NOT_BUILT = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Cachewright</title></head>
  <body>
    <h1>Cachewright</h1>
    <p>The dashboard is not built: run <code>npm run build</code> and start the gateway again.</p>
    <p>Everything that it shows is also at <a href="/api/v1/summary">/api/v1/summary</a> and its neighbours.</p>
  </body>
</html>
`;

function page(bytes: Uint8Array<ArrayBuffer>): DashboardFile {
  return { bytes, mediaType: PAGE_TYPE, cacheControl: 'no-store' };
}

/** Names of assets carry a hash of what is in them, so a browser may keep them for ever. */
async function readAsset(folder: URL, name: string): Promise<readonly [string, DashboardFile]> {
  const mediaType = MEDIA_TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
  const bytes = new Uint8Array(await readFile(new URL(`assets/${name}`, folder)));
  return [`/assets/${name}`, { bytes, mediaType, cacheControl: 'public, max-age=31536000, immutable' }];
}

async function readFolder(folder: URL): Promise<Dashboard | null> {
  try {
    const bytes = new Uint8Array(await readFile(new URL('index.html', folder)));
    const names = await readdir(new URL('assets/', folder));
    const assets = await Promise.all(names.map((name) => readAsset(folder, name)));
    return new Map([['/', page(bytes)], ...assets]);
  } catch {
    return null;
  }
}

/** Reads the built dashboard into memory; where there is none, a page that says how to build it. */
export async function loadDashboard(folders: readonly URL[] = FOLDERS): Promise<Dashboard> {
  for (const folder of folders) {
    const dashboard = await readFolder(folder);
    if (dashboard) return dashboard;
  }
  return new Map([['/', page(new TextEncoder().encode(NOT_BUILT))]]);
}

/** Is it the page, asked for by a browser, or a file of it? Programs that ask for `/` get JSON. */
export function isDashboardRequest({ req }: Context): boolean {
  const isReading = req.method === 'GET' || req.method === 'HEAD';
  if (req.path === '/') return isReading && (req.header('accept')?.includes('text/html') ?? false);
  return isReading && req.path.startsWith('/assets/');
}

/** Answers with the dashboard where it is asked for; everything else goes on. */
export function serveDashboard(loading: Promise<Dashboard> = loadDashboard()): MiddlewareHandler {
  return async (context, next) => {
    const file = isDashboardRequest(context) ? (await loading).get(context.req.path) : undefined;
    if (!file) return next();
    const { bytes, mediaType, cacheControl } = file;
    const headers = { 'content-type': mediaType, 'cache-control': cacheControl, vary: 'accept' };
    return context.body(bytes, 200, { ...headers, ...PAGE_HEADERS });
  };
}
