export type { Outlay } from './account.ts';
export { NeverWorse, type FamilyOf, type FamilyStanding } from './never-worse.ts';
export { costOfPlaced, type Settlement, type World, type WorldCosts } from './worlds.ts';
