/** Calls once what is ready to be heard now has been heard: at the end of this turn of the event loop. */
export function afterTurn(run: () => void): void {
  setImmediate(run);
}
