import { describe, expect, it } from 'vitest';

import { readRedisUrl, showRedisAddress } from './redis-url.ts';

describe('a Redis URL', () => {
  it.each([
    ['redis://cache', { host: 'cache', port: 6379, db: 0 }, 'redis://cache:6379/0'],
    [
      'redis://u:p%40ss@10.0.0.5:7000/3',
      { host: '10.0.0.5', port: 7000, db: 3, username: 'u', password: 'p@ss' },
      'redis://10.0.0.5:7000/3',
    ],
    [
      'rediss://:100%25@cache.example/',
      { host: 'cache.example', port: 6379, db: 0, password: '100%', tls: { servername: 'cache.example' } },
      'rediss://cache.example:6379/0',
    ],
    ['rediss://[::1]:6380', { host: '::1', port: 6380, db: 0, tls: {} }, 'rediss://[::1]:6380/0'],
    ['redis://:100%@h', { host: 'h', port: 6379, db: 0, password: '100%' }, 'redis://h:6379/0'],
  ])('%s', (url, address, shown) => {
    expect(readRedisUrl(url)).toEqual(address);
    expect(showRedisAddress(readRedisUrl(url))).toBe(shown);
  });
});
