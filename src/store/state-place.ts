/** One value that is read and replaced as a whole, wherever it is kept. */
export interface StatePlace {
  /** A name for people. */
  readonly shown: string;
  /** null when nothing is kept there. */
  read(): Promise<Uint8Array | null>;
  /** Replaces it: at every moment there is the old value or the new one, whole. */
  write(bytes: Uint8Array): Promise<void>;
  /** Puts what cannot be used out of the way, and says where it lies now. */
  setAside(): Promise<string>;
}
