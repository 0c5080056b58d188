export { alerts, type Alert, type AlertOptions, type Alerts } from './alerts.ts';
export type { BudgetLimits } from './budget.ts';
export { watchIntegrity } from './watch-integrity.ts';
export { defaultRules, type AlertRule, type AlertSignal } from './rule.ts';
