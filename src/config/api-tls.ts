import { isIPv4 } from 'node:net';
import path from 'node:path';
import type { ManagementConfig } from './schema.ts';

type Listen = ManagementConfig['listen'];
type Tls = NonNullable<Listen['tls']>;
type Common = Pick<Tls, 'postQuantum' | 'clientCaFile'>;

/** Where the certificate of the management API comes from. */
export type ApiTls =
  | { readonly type: 'none' }
  | ({ readonly type: 'files'; readonly certificateFile: string; readonly keyFile: string } & Common)
  /** It is made there at the first start, for these hosts among others. */
  | ({ readonly type: 'own'; readonly directory: string; readonly hosts: readonly string[] } & Common);

/** Of a configuration that has been read: its names of files are absolute. */
export function apiTls({ listen: { tls } }: Pick<ManagementConfig, 'listen'>): ApiTls {
  if (tls === undefined) return { type: 'none' };
  const { certificateFile, keyFile, directory, hosts, ...common } = tls;
  if (certificateFile !== undefined && keyFile !== undefined) {
    return { type: 'files', certificateFile, keyFile, ...common };
  }
  if (directory === undefined) throw new TypeError('the configuration has not been resolved');
  return { type: 'own', directory, hosts, ...common };
}

/** The listener with what its settings leave open: HTTPS where others could read along, and the place of its own certificate. */
export function resolveApiListen(
  { listen, state }: Pick<ManagementConfig, 'listen' | 'state'>,
  absolute: Resolve,
): Listen {
  const { tls = isLoopback(listen.host) ? undefined : OWN, ...address } = listen;
  if (tls === undefined) return address;
  const { certificateFile, keyFile, clientCaFile, directory, ...settings } = tls;
  const beside = state.type === 'sqlite' ? path.dirname(state.file) : 'state';
  return {
    ...address,
    tls: {
      ...settings,
      ...(certificateFile === undefined ? {} : { certificateFile: absolute(certificateFile) }),
      ...(keyFile === undefined ? { directory: absolute(directory ?? beside) } : { keyFile: absolute(keyFile) }),
      ...(clientCaFile === undefined ? {} : { clientCaFile: absolute(clientCaFile) }),
    },
  };
}

type Resolve = (name: string) => string;

const OWN: Tls = { hosts: [], postQuantum: 'prefer' };

/** A host of this machine only: what goes there is seen by nobody else. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
