import { describeSessionsContract } from './sessions-contract.ts';
import { sqlitePlace } from './sqlite-place.ts';

describeSessionsContract('sqlite', sqlitePlace(), null);
