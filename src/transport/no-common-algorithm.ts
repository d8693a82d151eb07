import type { KexInit } from '../negotiation/kexinit.ts';
import type { NegotiatedList, NoMatchStep } from '../negotiation/negotiate.ts';
import { DISCONNECT_REASON, SshDisconnect } from './disconnect.ts';

/** What a list is called in the words that the peer gets. */
const LIST_NAMES: Readonly<Record<NegotiatedList, string>> = {
  kex: 'key exchange method',
  hostKeys: 'host key type',
  ciphersClientToServer: 'cipher (client to server)',
  ciphersServerToClient: 'cipher (server to client)',
  macsClientToServer: 'MAC (client to server)',
  macsServerToClient: 'MAC (server to client)',
  compressionClientToServer: 'compression (client to server)',
  compressionServerToClient: 'compression (server to client)',
};

/** Ends a connection whose two sides have nothing in common in a list (reason 3). Its detail carries both lists. */
export function noCommonAlgorithm({ list, server }: NoMatchStep, client: KexInit): SshDisconnect {
  return new SshDisconnect(DISCONNECT_REASON.KEY_EXCHANGE_FAILED, `no matching ${LIST_NAMES[list]} found`, {
    detail: { list, clientList: forLog(client[list]), serverList: server },
  });
}

/** A peer's names as they may stand in a log: enough to see what it wanted, not as much as it likes. */
function forLog(names: readonly string[]): string[] {
  return names.slice(0, 64).map((name) => name.slice(0, 64));
}
