import type { Plan } from '../planner/index.ts';

/** Remembers plans that the service refused, so that none is tried twice. */
export interface RefusedPlans {
  has(scope: string, model: string, plan: Plan, types: readonly string[]): boolean;
  add(scope: string, model: string, plan: Plan, types: readonly string[]): void;
}

/** Shapes remembered; the oldest go first. */
const SHAPES_MAX = 10_000;

/** What a plan looks like to the service: which kinds of blocks get which TTL, whatever their text. */
function shapeOf(scope: string, model: string, plan: Plan, types: readonly string[]): string {
  return JSON.stringify([
    scope,
    model,
    plan.added.map(({ place, ttl }, index) => [place, ttl, types[index]]),
  ]);
}

export function createRefusedPlans(): RefusedPlans {
  const shapes = new Set<string>();
  return {
    has: (...plan) => shapes.has(shapeOf(...plan)),
    add(...plan) {
      shapes.add(shapeOf(...plan));
      const [oldest] = shapes;
      if (shapes.size > SHAPES_MAX && oldest !== undefined) shapes.delete(oldest);
    },
  };
}
