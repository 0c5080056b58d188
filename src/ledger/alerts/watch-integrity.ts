import type { Integrity } from '../integrity/index.ts';
import type { Alerts } from './alerts.ts';

/** The same integrity check, which also tells alerts of every record that it judges. */
export function watchIntegrity(judge: Integrity, watch: Alerts): Integrity {
  return {
    ...judge,
    check(record) {
      const finding = judge.check(record);
      watch.observe(record, finding);
      return finding;
    },
  };
}
