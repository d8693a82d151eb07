import { HostKeyRotation } from '../connection/host-key-rotation.ts';
import type { PrivateKey } from '../crypto/keys/key.ts';
import type { AlgorithmLists } from '../policy/security-policy.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Transport } from '../transport/transport.ts';

/** What a client that has logged in may learn of our host keys; `negotiated`: the algorithm of the last key exchange. */
export function hostKeyRotation(
  { hostKeys, algorithms }: { readonly hostKeys: readonly PrivateKey[]; readonly algorithms: AlgorithmLists },
  transport: Transport,
  negotiated: string,
  log: Logger,
  user: string,
): HostKeyRotation {
  return new HostKeyRotation({
    hostKeys,
    algorithms: algorithms.hostKeys,
    negotiated,
    sessionId: transport.sessionId,
    clientVersion: transport.peerVersion ?? '',
    onProved: (fingerprints) => {
      const fields = { event: 'session.host-keys-proved', user, fingerprints };
      log.info(fields, 'the client asked for proof of host keys, to remember them');
    },
    onError: (error) => {
      log.error({ event: 'session.host-key-failed', user, err: error }, 'a host key does not sign');
    },
  });
}
