import type { Operations, OperationTypes } from '../operation.ts';
import type { SecurityPolicy } from '../../policy/security-policy.ts';
import connectorPolicies from './connector-policies.json' with { type: 'json' };
import type { OperationsContext } from './context.ts';
import { pageOf } from './paging.ts';
import { reading } from './reading.ts';
import { notFound, required } from './refusals.ts';

type Described = NonNullable<OperationTypes['DescribeSecurityPolicy'][1]['SecurityPolicy']>;

/** The pattern of the model: a policy with another name can be named in a configuration file, but in no request. */
const API_NAME = /^Transfer[A-Za-z0-9]*SecurityPolicy-[A-Za-z0-9-]+$/;

/** The policies of the catalogue, and the service's own for connectors, which are data here: nothing connects with them. */
export function securityPolicyOperations({
  policies,
}: OperationsContext): Pick<Operations, 'DescribeSecurityPolicy' | 'ListSecurityPolicies'> {
  return {
    DescribeSecurityPolicy: reading<'DescribeSecurityPolicy'>((input) => {
      const name = required('SecurityPolicyName', input.SecurityPolicyName);
      const policy = all().get(name);
      if (policy === undefined) throw notFound('SecurityPolicy', name);
      return { SecurityPolicy: policy };
    }),

    ListSecurityPolicies: reading<'ListSecurityPolicies'>((input) => {
      const { items, ...next } = pageOf(['ListSecurityPolicies'], all(), input);
      return {
        SecurityPolicyNames: items.map(({ SecurityPolicyName: name }) => name ?? ''),
        ...next,
      };
    }),
  };

  function all(): ReadonlyMap<string, Described> {
    const ofServers = policies.all.filter(({ name }) => API_NAME.test(name)).map(describe);
    return new Map(
      [...(connectorPolicies as Described[]), ...ofServers].map((policy) => [policy.SecurityPolicyName ?? '', policy]),
    );
  }
}

/** The service answers SshHostKeyAlgorithms for connectors only. Here policies of servers differ in it, so it is shown. */
function describe({ name, fips, algorithms, protocols, tlsCiphers }: SecurityPolicy): Described {
  return {
    Fips: fips,
    SecurityPolicyName: name,
    SshCiphers: [...algorithms.ciphers],
    SshKexs: [...algorithms.kex],
    SshMacs: [...algorithms.macs],
    SshHostKeyAlgorithms: [...algorithms.hostKeys],
    TlsCiphers: [...tlsCiphers],
    Type: 'SERVER',
    Protocols: [...protocols],
  };
}
