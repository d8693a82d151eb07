import { parsePrivateKey } from '../../crypto/keys/private-key.ts';
import { byAge } from '../../management/operations/host-key-drafts.ts';
import { fingerprintIn } from '../../management/operations/public-key-bodies.ts';
import type { ServerState } from '../../management/server-control.ts';
import type { AccessKeyRecord, ServerRecord } from '../../state/records.ts';
import type { StateSnapshot } from '../../state/state-store.ts';
import { DEMO_HOME, DEMO_USER } from './demo-server.ts';
import { demoKeyFingerprint, writeKnownHosts, type Demo } from './first-start.ts';

/** The management API of a demo. */
export interface DemoApi {
  readonly url: string;
  readonly region: string;
  readonly accessKey: Pick<AccessKeyRecord, 'accessKeyId' | 'secretAccessKey'>;
}

/** The demo's server as it is now; null where it is deleted. */
export interface DemoServer {
  readonly record: ServerRecord;
  readonly state: ServerState;
  /** Where it listens. */
  readonly host: string;
}

/** What a start of the demo prints: the address, the policy, the fingerprints, and the exact commands to try. */
export function demoText(demo: Demo, server: DemoServer | null, snapshot: StateSnapshot, api: DemoApi): string {
  return [
    '',
    ...(server === null ? ['The demo server is deleted.'] : aboutServer(demo, server, snapshot, api)),
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

function aboutServer(demo: Demo, server: DemoServer, snapshot: StateSnapshot, api: DemoApi): string[] {
  const { serverId, port, settings } = server.record;
  if (server.state !== 'ONLINE') {
    const isFailed = server.state === 'START_FAILED';
    return [
      isFailed ? `The demo server cannot be started: the log says why.` : 'The demo server is stopped.',
      'With the variables below, this starts it:',
      '',
      `  aws transfer start-server --server-id ${serverId} --endpoint-url ${api.url}`,
    ];
  }
  const hostKeys = snapshot.hostKeys.get(serverId);
  const keys = byAge(hostKeys === undefined ? [] : hostKeys.values()).map(
    ({ privateKey }) => parsePrivateKey(privateKey).publicKey,
  );
  const lines = keys.map(({ type, blob }) => `${type} ${blob.toString('base64')}`);
  const knownHosts = writeKnownHosts(demo.folder, server.host, port, lines);
  const user = snapshot.users.get(serverId)?.get(DEMO_USER);
  const fingerprint = demoKeyFingerprint(demo);
  const hasKey = fingerprint !== null && user?.keys.some((key) => fingerprintIn(key) === fingerprint) === true;
  const [mapping] = user?.settings.HomeDirectoryMappings ?? [];
  const isHome = mapping?.Target === DEMO_HOME;
  const login = `-o UserKnownHostsFile=${knownHosts} ${hasKey ? DEMO_USER : 'USER'}@${server.host}`;
  return [
    `Latticeport listens on ${server.host} port ${port}.`,
    `  server           ${serverId}`,
    `  security policy  ${String(settings.SecurityPolicyName)}`,
    ...(isHome ? [`  files            ${DEMO_HOME.slice(1)}/`] : []),
    ...keys.map(({ type, fingerprint: shown }) => `  host key         ${type} ${shown}`),
    '',
    hasKey ? 'Try it from this folder:' : `The user ${DEMO_USER} has another key now than ${demo.keyFile}, or is gone:`,
    '',
    `  sftp -P ${port} ${hasKey ? `-i ${demo.keyFile} ` : ''}${login}`,
  ];
}
