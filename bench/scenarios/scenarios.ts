import type { Scenario } from './scenario.ts';
import { transfer } from './transfer.ts';

/** Every scenario, in the order of the report. */
export const scenarios: readonly Scenario[] = [transfer];
