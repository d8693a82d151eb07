import { KEY_TYPES } from '../../crypto/keys/key-registry.ts';
import { keygenCommand } from '../../crypto/keys/keygen-types.ts';
import { signsPostQuantum } from '../../policy/post-quantum-requirement.ts';
import type { Facts } from './facts.ts';
import { finding, type Change, type Finding } from './finding.ts';
import { RECOMMENDED_POLICY } from './key-exchange.ts';

/** Whether a quantum computer of a later day could pose as the server. Pure. */
export function hostKeyFindings(facts: Facts): Finding[] {
  const { hostKeys, file } = facts;
  const unusable = hostKeys.flatMap((key) => (key.state === 'unusable' ? [key] : []));
  const found = unusable.map(({ jsonPath, why, open, file: keyFile }) =>
    finding('host-keys.unusable', `${jsonPath}: ${why}`, {
      about: [keyFile],
      changes: open ? [{ command: `chmod 600 ${shellWord(keyFile)}` }] : [],
    }),
  );
  const usable = hostKeys.flatMap((key) => (key.state === 'usable' ? [key] : []));
  const postQuantum = usable.filter((key) => key.postQuantum && key.listed);
  const classical = usable.filter((key) => !key.postQuantum && key.listed);
  if (postQuantum.length === 0) {
    const leftOut = usable.filter((key) => key.postQuantum);
    if (leftOut.length > 0) {
      const says = `There is a post-quantum host key, and ${facts.policy.name} lists none of its algorithms: it is not used.`;
      return [
        ...found,
        finding('host-keys.left-out', says, {
          about: leftOut.map((key) => key.file),
          changes: [policyChange(file)],
        }),
      ];
    }
    // What cannot be read may be the one.
    if (unusable.length > 0) return found;
    return [...found, classicalOnly(facts)];
  }
  if (classical.length > 0) {
    found.push(
      finding(
        'host-keys.classical-beside',
        'There is a post-quantum host key, and clients that know one of these classical ones may take that: who forges it can pose ' +
          'as the server. Take them out of "hostKeys" once all clients know the other (OpenSSH 10.6 learns it by itself).',
        { about: classical.map((key) => `${key.type}: ${key.file}`) },
      ),
    );
  }
  if (found.length > 0) return found;
  return [
    finding('host-keys.post-quantum', 'All host keys are post-quantum.', {
      about: postQuantum.map((key) => `${key.type}: ${key.file}`),
    }),
  ];
}

function classicalOnly({ policy, config, file }: Facts): Finding {
  const type = KEY_TYPES.find(({ signatures }) => signatures.some(({ pq }) => pq !== null));
  const listed = policy.algorithms.hostKeys.some(signsPostQuantum);
  const changes: Change[] = listed ? [] : [policyChange(file)];
  if (type !== undefined) {
    changes.push(
      { command: keygenCommand(type) },
      { file, setting: `$.hostKeys[${config.hostKeys.length}]`, value: `keys/${type.keygen.hostKeyFile}` },
    );
  }
  return finding(
    'host-keys.classical-only',
    'No host key is post-quantum: who can forge a classical one can pose as the server.',
    {
      changes,
    },
  );
}

/** A path as a shell takes it. */
function shellWord(path: string): string {
  return /^[\w./@%+,:=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function policyChange(file: string): Change {
  return { file, setting: '$.securityPolicy', value: RECOMMENDED_POLICY };
}
