/** Lets so many run at once; the others wait in their order. */
export interface Slots {
  /** Resolves when there is a slot; call what it gives to free it. */
  take(): Promise<() => void>;
}

export function createSlots(most: number): Slots {
  const waiting: (() => void)[] = [];
  let free = most;
  const release = (): void => {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  };
  return {
    async take() {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => void waiting.push(resolve));
      return release;
    },
  };
}
