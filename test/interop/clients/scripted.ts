import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { PeerName } from '../../peers/peers.ts';
import { findPeer } from '../../peers/peers.ts';
import { runProgram } from '../../peers/process.ts';
import type { InteropClient, Login, Step } from '../client.ts';
import { missing } from '../client.ts';
import { KEY_TYPES } from '../identity.ts';

const SCRIPTS = resolve(import.meta.dirname, 'scripts');

export interface ScriptedClient {
  readonly name: string;
  readonly origin: string;
  readonly script: string;
  readonly userKeys?: InteropClient['userKeys'];
  readonly optionalKex?: readonly string[];
  readonly cannot?: InteropClient['cannot'];
}

/** A client library of the sid root, driven by a script of ours that reads a job in JSON. */
export function scriptedPeer(peerName: PeerName, client: ScriptedClient): InteropClient {
  const peer = findPeer(peerName);
  if (peer === null) return missing(client.name, client.origin, true);
  return scripted(peer.command, peer.version, client);
}

/** The same for a library of npm: the script runs on this process's own Node. */
export function scripted(command: readonly string[], version: string, client: ScriptedClient): InteropClient {
  return {
    name: client.name,
    version,
    origin: client.origin,
    obtainable: true,
    optionalKex: client.optionalKex ?? [],
    userKeys: client.userKeys ?? KEY_TYPES,
    cannot: client.cannot ?? {},
    run: async (login, steps, timeoutMs) => {
      const job = join(login.scratch, 'job.json');
      writeFileSync(job, JSON.stringify(jobOf(login, steps)), { mode: 0o600 });
      return runProgram([...command, join(SCRIPTS, client.script), job], { timeoutMs, env: { HOME: login.scratch } });
    },
  };
}

/** What the scripts read. */
export interface ClientJob {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly keyFile: string | null;
  readonly password: string | null;
  /** As in authorized_keys: type, base64. */
  readonly hostKey: string;
  readonly hostKeyFingerprint: string;
  readonly kex: string | null;
  readonly scratch: string;
  readonly steps: readonly Step[];
}

function jobOf(login: Login, steps: readonly Step[]): ClientJob {
  return {
    host: login.host,
    port: login.port,
    user: login.user,
    keyFile: login.key?.path ?? null,
    password: login.password,
    hostKey: login.hostKey.publicLine,
    hostKeyFingerprint: login.hostKey.fingerprint,
    kex: login.kex,
    scratch: login.scratch,
    steps,
  };
}
