import { HostKeyRotation } from '../connection/host-key-rotation.ts';
import { signatureAlgorithmOf } from '../crypto/certificates/certificate-names.ts';
import type { PrivateKey } from '../crypto/keys/key.ts';
import type { AlgorithmLists } from '../policy/security-policy.ts';
import type { Transport } from '../transport/transport.ts';
import type { SessionPublisher } from './session-publisher.ts';

/** What a client that has logged in may learn of our host keys; `negotiated`: the algorithm of the last key exchange. */
export function hostKeyRotation(
  { hostKeys, algorithms }: { readonly hostKeys: readonly PrivateKey[]; readonly algorithms: AlgorithmLists },
  transport: Transport,
  negotiated: string,
  events: SessionPublisher,
): HostKeyRotation {
  return new HostKeyRotation({
    hostKeys,
    algorithms: algorithms.hostKeys,
    // What is proved is the key, also to a client that has seen its certificate.
    negotiated: signatureAlgorithmOf(negotiated) ?? negotiated,
    sessionId: transport.sessionId,
    clientVersion: transport.peerVersion ?? '',
    onProved: (fingerprints) => {
      events.publish({ type: 'session.host-keys-proved', fingerprints });
    },
    onError: (error) => {
      events.publish({ type: 'session.host-key-failed', error });
    },
  });
}
