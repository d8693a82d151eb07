import { missingPeer } from '../peers/peers.ts';
import { postgresPlace } from './postgresql-place.ts';
import { describeSessionsContract } from './sessions-contract.ts';

describeSessionsContract('postgresql', postgresPlace(), missingPeer('postgresql'));
