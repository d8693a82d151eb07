import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { AccessKeyRecord } from '../../state/records.ts';
import type { PreparedConfig } from '../../server/prepared-config.ts';
import { configuredStore } from '../../server/store.ts';
import type { Demo } from './first-start.ts';
import { writeKnownHosts } from './first-start.ts';

/** The management API of a demo. */
export interface DemoApi {
  readonly url: string;
  readonly region: string;
  readonly accessKey: Pick<AccessKeyRecord, 'accessKeyId' | 'secretAccessKey'>;
}

/** What a first start prints: the address, the policy, the fingerprints, and the exact commands to try. */
export function demoText(demo: Demo, prepared: PreparedConfig, { address, port }: AddressInfo, api: DemoApi): string {
  const folder = process.cwd();
  const lines = prepared.hostKeys.map(({ publicKey }) => `${publicKey.type} ${publicKey.blob.toString('base64')}`);
  const knownHosts = writeKnownHosts(folder, address, port, lines);
  const { storage } = prepared.loaded.config;
  const { directory, place } = configuredStore(storage);
  const files = directory === undefined ? place : `${path.relative(folder, directory)}/${demo.userName}/`;
  return [
    '',
    `Latticeport listens on ${address} port ${port}.`,
    `  security policy  ${prepared.policy.name}`,
    `  files            ${files}`,
    ...prepared.hostKeys.map(({ publicKey }) => `  host key         ${publicKey.type} ${publicKey.fingerprint}`),
    '',
    'Try it from this folder:',
    '',
    `  sftp -P ${port} -i ${demo.keyFile} -o UserKnownHostsFile=${knownHosts} ${demo.userName}@${address}`,
    '',
    'Servers and users are made with the AWS CLI (see docs/managed.md):',
    '',
    `  export AWS_ACCESS_KEY_ID=${api.accessKey.accessKeyId}`,
    `  export AWS_SECRET_ACCESS_KEY=${api.accessKey.secretAccessKey}`,
    `  export AWS_DEFAULT_REGION=${api.region}`,
    `  aws transfer list-servers --endpoint-url ${api.url}`,
    '',
    'To serve with settings of your own, write latticeport.json (see README.md).',
    '',
    '',
  ].join('\n');
}
