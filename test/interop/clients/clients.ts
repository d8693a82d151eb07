// Every client of the interoperability tests.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { InteropClient } from '../client.ts';
import { curl } from './curl.ts';
import { dropbear } from './dropbear.ts';
import { lftp } from './lftp.ts';
import { openssh } from './openssh.ts';
import { pscp, psftp } from './putty.ts';
import { rclone } from './rclone.ts';
import { scripted, scriptedPeer } from './scripted.ts';
import { sshfs } from './sshfs.ts';
import { wolfssh, wolfsshLibrary } from './wolfssh.ts';

/** By itself it takes its first method, which is classical; this is the one that no other client has. */
export const OQS_KEX = 'ecdh-nistp384-kyber-768r3-sha384-d00@openquantumsafe.org';

export function allClients(): InteropClient[] {
  return [
    openssh('OpenSSH (this machine)', 'openssh-machine', 'the distribution', true),
    openssh('OpenSSH 10 (backports)', 'openssh-10', 'Debian 12 backports', true),
    openssh('OpenSSH 10 (sid)', 'openssh-sid', 'Debian sid', true),
    openssh('OQS OpenSSH', 'openssh-oqs', 'OQS_OPENSSH_DIR', false, OQS_KEX),
    wolfssh(),
    wolfsshLibrary(),
    psftp(),
    pscp(),
    dropbear(),
    lftp(),
    curl(),
    rclone(),
    sshfs(),
    scriptedPeer('paramiko', { name: 'paramiko', origin: 'Debian sid', script: 'paramiko_client.py' }),
    scriptedPeer('asyncssh', { name: 'asyncssh', origin: 'Debian sid', script: 'asyncssh_client.py' }),
    scriptedPeer('libssh', { name: 'libssh', origin: 'Debian sid', script: 'libssh_client.py' }),
    scriptedPeer('net-sftp', {
      name: 'ruby net-sftp',
      origin: 'Debian sid',
      script: 'net_sftp_client.rb',
      // With OpenSSL 3.6 its ECDSA signature fails inside the client, whatever the server.
      userKeys: ['ed25519', 'rsa-3072'],
    }),
    scripted([process.execPath], npmVersion('ssh2'), { name: 'ssh2', origin: 'npm', script: 'ssh2-client.ts' }),
    scripted([process.execPath], npmVersion('russh'), {
      name: 'russh',
      origin: 'npm',
      script: 'russh-client.ts',
      cannot: { 'resume-get': 'its SFTP reads a file from the beginning only' },
    }),
  ];
}

function npmVersion(name: string): string {
  // Not every package lets its manifest be imported: it lies above the module that can be.
  let directory = dirname(createRequire(import.meta.url).resolve(name));
  for (;;) {
    try {
      const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (manifest.name === name && manifest.version !== undefined) return manifest.version;
    } catch {
      // no manifest here: further up
    }
    if (dirname(directory) === directory) throw new Error(`${name} has no package.json`);
    directory = dirname(directory);
  }
}
