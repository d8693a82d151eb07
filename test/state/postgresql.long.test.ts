import { missingPeer } from '../peers/peers.ts';
import { describeStateContract } from './contract.ts';
import { postgresPlace } from './postgresql-place.ts';

describeStateContract('postgresql', postgresPlace(), missingPeer('postgresql'));
