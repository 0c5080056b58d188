/** Characters compared at a time, and fewer of them each time the first difference is closer. */
const STEPS: readonly number[] = [4096, 256, 16, 1];

/** Characters that both begin with. */
export function commonStart(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let same = 0;
  for (const step of STEPS) {
    while (same + step <= most && a.slice(same, same + step) === b.slice(same, same + step)) same += step;
  }
  return same;
}

/** Characters that both end with, at most so many. */
export function commonEnd(a: string, b: string, most: number): number {
  let same = 0;
  for (const step of STEPS) {
    while (
      same + step <= most &&
      a.slice(a.length - same - step, a.length - same) === b.slice(b.length - same - step, b.length - same)
    )
      same += step;
  }
  return same;
}
