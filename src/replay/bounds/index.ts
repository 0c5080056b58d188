/** Lower bounds on what a trace can cost under any policy. */
export { BOUND_ASSUMPTIONS, lowerBounds } from './lower-bounds.ts';
export type { BoundCosts, LowerBounds } from './lower-bounds.ts';
export type { BoundPrices, Lifetimes } from './prices.ts';
