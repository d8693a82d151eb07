import { describeStateContract } from './contract.ts';
import { sqlitePlace } from './sqlite-place.ts';

describeStateContract('sqlite', sqlitePlace(), null);
