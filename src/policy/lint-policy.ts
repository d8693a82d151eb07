import { CIPHER_BY_NAME, KEX_BY_NAME, MAC_BY_NAME, type Algorithm } from '../crypto/algorithms/algorithm-table.ts';
import { CLIENT_PRESETS } from './client-presets.ts';
import { jsonPathOf, type ConfigProblem } from './config-error.ts';
import { explainNegotiation } from './explain-negotiation.ts';
import { algorithmsOf } from './fips-rules.ts';
import type { SecurityPolicy } from './security-policy.ts';
import { serverOffer } from './server-offer.ts';

/** The key of a policy file that lists an algorithm of a kind, and the policy's list. */
const KEY_OF_KIND = { kex: 'SshKexs', cipher: 'SshCiphers', mac: 'SshMacs', hostKey: 'SshHostKeyAlgorithms' } as const;

/**
 * What a sound policy could do better: advice, never a refusal. The same shape as the problems of a ConfigError, each
 * with the JSON path that it is about.
 */
export function lintPolicy(policy: SecurityPolicy): ConfigProblem[] {
  return [
    ...adviseOnPq(policy),
    ...adviseOnCiphers(policy),
    ...adviseOnMacs(policy),
    ...algorithmsOf(policy.algorithms).flatMap((algorithm) => adviseOnAlgorithm(policy, algorithm)),
    ...adviseOnClients(policy),
  ];
}

function pathOf(policy: SecurityPolicy, algorithm: Algorithm): string {
  const lists = { kex: 'kex', cipher: 'ciphers', mac: 'macs', hostKey: 'hostKeys' } as const;
  const key = KEY_OF_KIND[algorithm.kind];
  return jsonPathOf(['SecurityPolicy', key, policy.algorithms[lists[algorithm.kind]].indexOf(algorithm.name)]);
}

function adviseOnPq(policy: SecurityPolicy): ConfigProblem[] {
  const isHybrid = (name: string): boolean => KEX_BY_NAME.get(name)?.family === 'pq-hybrid';
  const { kex } = policy.algorithms;
  const lastHybrid = kex.findLastIndex(isHybrid);
  if (lastHybrid < 0) {
    return [
      {
        jsonPath: '$.SecurityPolicy.SshKexs',
        problem: 'no post-quantum method: what is recorded today can be read by a later quantum computer',
      },
    ];
  }
  const classicalBefore = kex.findIndex((name, index) => index < lastHybrid && !isHybrid(name));
  if (classicalBefore < 0) return [];
  return [
    {
      jsonPath: jsonPathOf(['SecurityPolicy', 'SshKexs', classicalBefore]),
      problem: `${kex[classicalBefore] ?? ''} is classical and stands before ${kex[lastHybrid] ?? ''}, which is post-quantum`,
    },
  ];
}

function adviseOnCiphers(policy: SecurityPolicy): ConfigProblem[] {
  if (policy.algorithms.ciphers.some((name) => CIPHER_BY_NAME.get(name)?.aead === true)) return [];
  return [
    { jsonPath: '$.SecurityPolicy.SshCiphers', problem: 'no AEAD: add aes256-gcm@openssh.com, which is also faster' },
  ];
}

function adviseOnMacs(policy: SecurityPolicy): ConfigProblem[] {
  const { macs } = policy.algorithms;
  const isEtm = (name: string): boolean => MAC_BY_NAME.get(name)?.etm === true;
  const lastEtm = macs.findLastIndex(isEtm);
  const before = macs.findIndex((name, index) => index < lastEtm && !isEtm(name));
  if (before < 0) return [];
  return [
    {
      jsonPath: jsonPathOf(['SecurityPolicy', 'SshMacs', before]),
      problem: `${macs[before] ?? ''} (encrypt-and-MAC) stands before ${macs[lastEtm] ?? ''} (encrypt-then-MAC)`,
    },
  ];
}

function adviseOnAlgorithm(policy: SecurityPolicy, algorithm: Algorithm): ConfigProblem[] {
  const jsonPath = pathOf(policy, algorithm);
  const advice: ConfigProblem[] = [];
  if (algorithm.verdict === 'weak') advice.push({ jsonPath, problem: `${algorithm.name} is weak: ${algorithm.why}` });
  if (policy.fips && algorithm.fips !== 'approved') {
    advice.push({ jsonPath, problem: `fips: "required" refuses ${algorithm.name}: ${algorithm.fipsWhy}` });
  }
  return advice;
}

/** Clients that are met in the field and would find nothing in common. */
function adviseOnClients(policy: SecurityPolicy): ConfigProblem[] {
  const server = serverOffer(policy.algorithms);
  return CLIENT_PRESETS.flatMap((preset) => {
    const { steps } = explainNegotiation(server, preset.offer);
    const failed = steps.find((step) => !step.ok);
    if (failed === undefined) return [];
    const key = { k: 'SshKexs', h: 'SshHostKeyAlgorithms', c: 'SshCiphers', m: 'SshMacs' }[failed.list.charAt(0)] ?? '';
    return [
      {
        jsonPath: jsonPathOf(['SecurityPolicy', key]),
        problem: `${preset.name} cannot connect: no common ${failed.label}`,
      },
    ];
  });
}
