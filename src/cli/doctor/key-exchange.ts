import { listsUnder } from '../../policy/post-quantum-setting.ts';
import { looksPostQuantum } from '../../policy/pq-names.ts';
import type { Facts, UserFacts } from './facts.ts';
import { finding, type Change, type Finding } from './finding.ts';

/** A policy that has every hybrid. */
export const RECOMMENDED_POLICY = 'TransferPQSecurityPolicy-2026-11';

/** Whether every session is post-quantum, and for whom it need not be. Pure. */
export function keyExchangeFindings(facts: Facts): Finding[] {
  const { file, config, policy } = facts;
  const { kex } = policy.algorithms;
  const change = (setting: string, value: unknown): Change => ({ file, setting, value });
  if (!kex.some(looksPostQuantum)) {
    return [
      finding(
        'key-exchange.none',
        `${policy.name} has no post-quantum key exchange method: every session can be read later.`,
        {
          changes: [change('$.securityPolicy', RECOMMENDED_POLICY)],
        },
      ),
    ];
  }
  const offered = listsUnder(config.postQuantum, policy.algorithms).kex;
  const classical = offered.filter((name) => !looksPostQuantum(name));
  if (classical.length === 0) {
    const how = config.postQuantum === 'require' ? '"postQuantum": "require"' : policy.name;
    return [finding('key-exchange.hybrids-only', `Only post-quantum methods are offered (${how}).`)];
  }
  return [...methodFindings(facts), ...userFindings(facts, classical)];
}

/** Whether the clients that could be post-quantum are. */
function methodFindings({ file, config: { postQuantum, insistence } }: Facts): Finding[] {
  if (postQuantum === 'offer') {
    return [
      finding(
        'key-exchange.offer',
        'A client that has a post-quantum method and prefers a classical one has its way ("postQuantum": "offer").',
        { changes: [{ file, setting: '$.postQuantum', value: 'insist' }] },
      ),
    ];
  }
  if (insistence.exceptFrom.length === 0) return [];
  return [
    finding('key-exchange.excepted', 'Clients of these networks have their way, post-quantum or not.', {
      about: insistence.exceptFrom,
      changes: [{ file, setting: '$.insistence.exceptFrom', value: [] }],
    }),
  ];
}

/** Whether clients that have no post-quantum method are let in. */
function userFindings(facts: Facts, classical: readonly string[]): Finding[] {
  const { file, config, users, server } = facts;
  const exempt = users.filter(
    ({ exchange }) => exchange.value === false && exchange.setBy === 'user' && server.exchange.state !== 'never',
  );
  const free = users.filter((user) => user.exchange.state === 'never' && !exempt.includes(user));
  const later = users.filter(({ exchange }) => exchange.state === 'later');
  const passwords = users.filter(
    ({ exchange, credentials }) => exchange.state === 'now' && credentials.some(({ method }) => method === 'password'),
  );
  const methods = classical.length === 1 ? '1 classical method is' : `${classical.length} classical methods are`;
  const found: Finding[] = [];
  const perUser = (of: readonly UserFacts[]): Change[] =>
    of.map(({ index }) => ({ file, setting: `$.users[${index}].requirePostQuantum`, value: true }));
  if (free.length > 0 || (users.length === 0 && server.exchange.state === 'never')) {
    found.push(
      finding(
        'key-exchange.classical',
        `${methods} offered to clients that have no other, and ${free.length > 0 ? 'these users may come so' : 'nothing refuses their sessions'}; or set "postQuantum": "require".`,
        {
          about: names(free),
          changes: [{ file, setting: '$.requirePostQuantum', value: true }, ...perUser(free.filter(hasOwn))],
        },
      ),
    );
  }
  if (later.length > 0) {
    found.push(
      finding(
        'key-exchange.required-later',
        'Classical sessions of these users go on until the date of "requirePostQuantum".',
        {
          about: later.map(({ name, exchange: { value } }) =>
            typeof value === 'object' ? `${name}: from ${value.from} on` : name,
          ),
          changes: [
            ...(later.some((user) => !hasOwn(user)) ? [{ file, setting: '$.requirePostQuantum', value: true }] : []),
            ...perUser(later.filter(hasOwn)),
          ],
        },
      ),
    );
  }
  if (exempt.length > 0) {
    found.push(
      finding('key-exchange.exempt', 'These users are exempt from "requirePostQuantum" of the server.', {
        about: names(exempt),
        changes: perUser(exempt),
      }),
    );
  }
  if (passwords.length > 0) {
    found.push(
      finding(
        'key-exchange.password-sent',
        'A classical session of these users is refused, but only once its password has been sent, which can be read later.',
        { about: names(passwords), changes: [{ file, setting: '$.postQuantum', value: 'require' }] },
      ),
    );
  }
  if (found.length > 0) return found;
  const how = config.postQuantum === 'insist' ? ' Clients that have a post-quantum method get one.' : '';
  return [
    finding('key-exchange.classical-refused', `Classical sessions are refused once the credential is checked.${how}`),
  ];
}

function hasOwn({ exchange }: UserFacts): boolean {
  return exchange.setBy === 'user';
}

function names(users: readonly UserFacts[]): string[] {
  return users.map(({ name }) => name);
}
