import { crowd } from './crowd.ts';
import { idleSessions } from './idle-sessions.ts';
import { loginKeys, logins, workers } from './logins.ts';
import { managedLogins } from './managed-logins.ts';
import { regress } from './regress.ts';
import { roundTrip } from './round-trip.ts';
import { s3Distance, s3FarDistance } from './s3-distance.ts';
import { s3Transfer } from './s3-transfer.ts';
import type { Scenario } from './scenario.ts';
import { segmented } from './segmented.ts';
import { smallFiles } from './small-files.ts';
import { stall } from './stall.ts';
import { transfer } from './transfer.ts';

/** Every scenario, in the order of the report. */
export const scenarios: readonly Scenario[] = [
  transfer,
  segmented,
  s3Transfer,
  s3Distance,
  s3FarDistance,
  logins,
  loginKeys,
  managedLogins,
  workers,
  smallFiles,
  roundTrip,
  idleSessions,
  crowd,
  stall,
  regress,
];
