import { useEffect, useState } from 'preact/hooks';

/** The time, ms since 1970 UTC: the one place of the pages that reads it. */
export function readNowMs(): number {
  return Date.now();
}

/** The time, told again every so often while something shows it. */
export function useNowMs(everyMs: number): number {
  const [nowMs, setNowMs] = useState(readNowMs);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(readNowMs()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return nowMs;
}
