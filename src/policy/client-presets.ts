import type { KexInit } from '../negotiation/kexinit.ts';

/** What a known client offers without any configuration of its own. */
export interface ClientPreset {
  /** The name for `--client-preset`. */
  readonly name: string;
  /** The version string that the client sends, without "SSH-2.0-". */
  readonly version: string;
  /** Captured (scripts/capture-kexinit.ts), or where else the lists come from. */
  readonly source: string;
  readonly offer: KexInit;
}

interface PresetRow {
  readonly name: string;
  readonly version: string;
  readonly source: string;
  readonly kex: readonly string[];
  readonly hostKeys: readonly string[];
  readonly ciphers: readonly string[];
  readonly macs: readonly string[];
  readonly compression: readonly string[];
  readonly firstKexPacketFollows: boolean;
}

/** A name-list as it stands on the wire. */
function list(nameList: string): readonly string[] {
  return nameList.split(',');
}

/** Every one of these clients offers the same lists in both directions. */
const ROWS: readonly PresetRow[] = [
  {
    name: 'openssh-9.2',
    version: 'OpenSSH_9.2p1 Debian-2+deb12u10',
    source: 'captured from the package of Debian 12',
    kex: list(
      'sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,ext-info-c,kex-strict-c-v00@openssh.com',
    ),
    hostKeys: list(
      'ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256',
    ),
    ciphers: list(
      'chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com',
    ),
    macs: list(
      'umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1',
    ),
    compression: list('none,zlib@openssh.com,zlib'),
    firstKexPacketFollows: false,
  },
  {
    name: 'openssh-10',
    version: 'OpenSSH_10.6p1 Debian-1',
    source: 'captured from the package of Debian sid',
    kex: list(
      'mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,ext-info-c,kex-strict-c-v00@openssh.com',
    ),
    hostKeys: list(
      'ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,ssh-mldsa44-ed25519-cert,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,webauthn-sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256,ssh-mldsa44-ed25519',
    ),
    ciphers: list(
      'chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr',
    ),
    macs: list(
      'umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1',
    ),
    compression: list('none,zlib@openssh.com'),
    firstKexPacketFollows: false,
  },
  {
    name: 'putty-0.85',
    version: 'PuTTY_Release_0.85',
    source: 'captured from plink of Debian sid',
    kex: list(
      'sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,mlkem768x25519-sha256,mlkem1024nistp384-sha384,mlkem768nistp256-sha256,curve448-sha512,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group-exchange-sha1,diffie-hellman-group18-sha512,diffie-hellman-group17-sha512,diffie-hellman-group16-sha512,diffie-hellman-group15-sha512,diffie-hellman-group14-sha256,diffie-hellman-group14-sha1,rsa2048-sha256,rsa1024-sha1,diffie-hellman-group1-sha1,ext-info-c,kex-strict-c-v00@openssh.com',
    ),
    hostKeys: list(
      'ssh-ed448,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256,ssh-rsa,ssh-dss',
    ),
    ciphers: list(
      'aes256-ctr,aes256-cbc,rijndael-cbc@lysator.liu.se,aes192-ctr,aes192-cbc,aes128-ctr,aes128-cbc,chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,3des-ctr,3des-cbc,blowfish-ctr,blowfish-cbc,arcfour256,arcfour128',
    ),
    macs: list(
      'hmac-sha2-256,hmac-sha2-512,hmac-sha1,hmac-sha1-96,hmac-md5,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,hmac-sha1-96-etm@openssh.com,hmac-md5-etm@openssh.com',
    ),
    compression: list('none,zlib,zlib@openssh.com'),
    firstKexPacketFollows: false,
  },
  {
    name: 'winscp',
    version: 'WinSCP with ML-KEM (PuTTY core)',
    source: 'derived: WinSCP is built on PuTTY, and its source gives the same default order; not captured',
    kex: list(
      'sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,mlkem768x25519-sha256,mlkem1024nistp384-sha384,mlkem768nistp256-sha256,curve448-sha512,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group-exchange-sha1,diffie-hellman-group18-sha512,diffie-hellman-group17-sha512,diffie-hellman-group16-sha512,diffie-hellman-group15-sha512,diffie-hellman-group14-sha256,diffie-hellman-group14-sha1,rsa2048-sha256,rsa1024-sha1,diffie-hellman-group1-sha1,ext-info-c,kex-strict-c-v00@openssh.com',
    ),
    hostKeys: list(
      'ssh-ed448,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256,ssh-rsa,ssh-dss',
    ),
    ciphers: list(
      'aes256-ctr,aes256-cbc,rijndael-cbc@lysator.liu.se,aes192-ctr,aes192-cbc,aes128-ctr,aes128-cbc,chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,3des-ctr,3des-cbc,blowfish-ctr,blowfish-cbc,arcfour256,arcfour128',
    ),
    macs: list(
      'hmac-sha2-256,hmac-sha2-512,hmac-sha1,hmac-sha1-96,hmac-md5,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,hmac-sha1-96-etm@openssh.com,hmac-md5-etm@openssh.com',
    ),
    compression: list('none,zlib,zlib@openssh.com'),
    firstKexPacketFollows: false,
  },
  {
    name: 'oqs-openssh',
    version: 'OpenSSH_10.3-2026-05_',
    source: 'captured from a build of its source (test/vectors/captures)',
    kex: list(
      'curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,frodokem-640-aes-sha256,ecdh-nistp256-frodokem-640-aesr2-sha256@openquantumsafe.org,x25519-frodokem-640-aesr2-sha256@openquantumsafe.org,frodokem-976-aes-sha384,ecdh-nistp384-frodokem-976-aesr2-sha384@openquantumsafe.org,frodokem-1344-aes-sha512,ecdh-nistp521-frodokem-1344-aesr2-sha512@openquantumsafe.org,frodokem-640-shake-sha256,ecdh-nistp256-frodokem-640-shaker2-sha256@openquantumsafe.org,x25519-frodokem-640-shaker2-sha256@openquantumsafe.org,frodokem-976-shake-sha384,ecdh-nistp384-frodokem-976-shaker2-sha384@openquantumsafe.org,frodokem-1344-shake-sha512,ecdh-nistp521-frodokem-1344-shaker2-sha512@openquantumsafe.org,kyber-512-sha256,ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org,x25519-kyber-512r3-sha256-d00@amazon.com,kyber-768-sha384,ecdh-nistp384-kyber-768r3-sha384-d00@openquantumsafe.org,kyber-1024-sha512,ecdh-nistp521-kyber-1024r3-sha512-d00@openquantumsafe.org,bike-l1-sha512,ecdh-nistp256-bike-l1r4-sha512@openquantumsafe.org,x25519-bike-l1r4-sha512@openquantumsafe.org,bike-l3-sha512,ecdh-nistp384-bike-l3r4-sha512@openquantumsafe.org,bike-l5-sha512,ecdh-nistp521-bike-l5r4-sha512@openquantumsafe.org,classic-mceliece-348864-sha256,ecdh-nistp256-classic-mceliece-348864r4-sha256@openquantumsafe.org,x25519-classic-mceliece-348864r4-sha256@openquantumsafe.org,classic-mceliece-348864f-sha256,ecdh-nistp256-classic-mceliece-348864fr4-sha256@openquantumsafe.org,x25519-classic-mceliece-348864fr4-sha256@openquantumsafe.org,classic-mceliece-460896-sha512,ecdh-nistp384-classic-mceliece-460896r4-sha512@openquantumsafe.org,classic-mceliece-460896f-sha512,ecdh-nistp384-classic-mceliece-460896fr4-sha512@openquantumsafe.org,classic-mceliece-6688128-sha512,ecdh-nistp521-classic-mceliece-6688128r4-sha512@openquantumsafe.org,classic-mceliece-6688128f-sha512,ecdh-nistp521-classic-mceliece-6688128fr4-sha512@openquantumsafe.org,classic-mceliece-6960119-sha512,ecdh-nistp521-classic-mceliece-6960119r4-sha512@openquantumsafe.org,classic-mceliece-6960119f-sha512,ecdh-nistp521-classic-mceliece-6960119fr4-sha512@openquantumsafe.org,classic-mceliece-8192128-sha512,ecdh-nistp521-classic-mceliece-8192128r4-sha512@openquantumsafe.org,classic-mceliece-8192128f-sha512,ecdh-nistp521-classic-mceliece-8192128fr4-sha512@openquantumsafe.org,mlkem512-sha256,ecdh-nistp256-ml-kem-512-sha256@openquantumsafe.org,x25519-ml-kem-512-sha256@openquantumsafe.org,mlkem768-sha256,mlkem768nistp256-sha256,mlkem768x25519-sha256,mlkem1024-sha384,mlkem1024nistp384-sha384,sntrup761-sha512,sntrup761x25519-sha512@openssh.com,ext-info-c,kex-strict-c-v00@openssh.com',
    ),
    hostKeys: list(
      'ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,webauthn-sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256',
    ),
    ciphers: list(
      'chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com',
    ),
    macs: list(
      'umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1',
    ),
    compression: list('none,zlib@openssh.com'),
    firstKexPacketFollows: false,
  },
  {
    name: 'wolfssh-1.4',
    version: 'wolfSSHv1.4.20',
    source: 'captured from a build of its source (test/vectors/captures)',
    kex: list(
      'ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org,ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group-exchange-sha256,ext-info-c',
    ),
    hostKeys: list('rsa-sha2-256,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521'),
    ciphers: list(
      'aes256-gcm@openssh.com,aes192-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr,aes256-cbc,aes192-cbc,aes128-cbc',
    ),
    macs: list('hmac-sha2-256,hmac-sha2-512'),
    compression: list('none'),
    firstKexPacketFollows: false,
  },
  {
    name: 'wolfssh-1.5',
    version: 'wolfSSHv1.5.0',
    source: 'captured from a build of its main branch (test/vectors/captures)',
    kex: list(
      'mlkem768x25519-sha256,mlkem1024nistp384-sha384,mlkem768nistp256-sha256,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group-exchange-sha256,ext-info-c',
    ),
    hostKeys: list(
      'ssh-mldsa87-es384@wolfssl.com,ssh-mldsa65-es256@wolfssl.com,ssh-mldsa44-es256@wolfssl.com,ssh-mldsa-87,ssh-mldsa-65,ssh-mldsa-44,rsa-sha2-256,rsa-sha2-512,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521',
    ),
    ciphers: list(
      'aes256-gcm@openssh.com,aes192-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr',
    ),
    macs: list('hmac-sha2-256,hmac-sha2-512'),
    compression: list('none'),
    firstKexPacketFollows: false,
  },
  {
    name: 'dropbear',
    version: 'dropbear_2026.94',
    source: 'captured from dbclient of Debian sid',
    kex: list(
      'sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,diffie-hellman-group14-sha256,kexguess2@matt.ucc.asn.au,ext-info-c,kex-strict-c-v00@openssh.com',
    ),
    hostKeys: list(
      'ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-256',
    ),
    ciphers: list('chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr'),
    macs: list('hmac-sha2-256'),
    compression: list('none'),
    firstKexPacketFollows: true,
  },
  {
    name: 'paramiko',
    version: 'paramiko_5.0.0',
    source: 'captured from the package of Debian sid',
    kex: list(
      'curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group16-sha512,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256,ext-info-c,kex-strict-c-v00@openssh.com',
    ),
    hostKeys: list(
      'ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256,ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com',
    ),
    ciphers: list(
      'aes128-ctr,aes192-ctr,aes256-ctr,aes128-cbc,aes192-cbc,aes256-cbc,3des-cbc,aes128-gcm@openssh.com,aes256-gcm@openssh.com',
    ),
    macs: list(
      'hmac-sha2-256,hmac-sha2-512,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1,hmac-md5,hmac-sha1-96,hmac-md5-96',
    ),
    compression: list('none'),
    firstKexPacketFollows: false,
  },
  {
    name: 'asyncssh',
    version: 'AsyncSSH_2.24.0',
    source: 'captured from the package of Debian sid',
    kex: list(
      'mlkem768x25519-sha256,mlkem768nistp256-sha256,mlkem1024nistp384-sha384,curve25519-sha256,curve25519-sha256@libssh.org,curve448-sha512,ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,ecdh-sha2-1.3.132.0.10,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256,diffie-hellman-group15-sha512,diffie-hellman-group16-sha512,diffie-hellman-group17-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256@ssh.com,diffie-hellman-group14-sha1,rsa2048-sha256,ext-info-c,kex-strict-c-v00@openssh.com',
    ),
    hostKeys: list(
      'rsa-sha2-256-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,ssh-rsa-cert-v01@openssh.com,sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,ssh-ed25519-cert-v01@openssh.com,ssh-ed448-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-1.3.132.0.10-cert-v01@openssh.com,rsa-sha2-256,rsa-sha2-512,ssh-rsa-sha224@ssh.com,ssh-rsa-sha256@ssh.com,ssh-rsa-sha384@ssh.com,ssh-rsa-sha512@ssh.com,ssh-rsa,sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,webauthn-sk-ecdsa-sha2-nistp256@openssh.com,ssh-ed25519,ssh-ed448,ecdsa-sha2-nistp521,ecdsa-sha2-nistp384,ecdsa-sha2-nistp256,ecdsa-sha2-1.3.132.0.10',
    ),
    ciphers: list(
      'chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr',
    ),
    macs: list(
      'umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1,hmac-sha256-2@ssh.com,hmac-sha224@ssh.com,hmac-sha256@ssh.com,hmac-sha384@ssh.com,hmac-sha512@ssh.com',
    ),
    compression: list('none,zlib@openssh.com'),
    firstKexPacketFollows: false,
  },
  {
    name: 'libssh2',
    version: 'libssh2_1.11.1',
    source: 'captured from curl of Debian sid',
    kex: list(
      'curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1,diffie-hellman-group-exchange-sha1,ext-info-c,kex-strict-c-v00@openssh.com',
    ),
    hostKeys: list(
      'ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,ssh-ed25519,ssh-ed25519-cert-v01@openssh.com,rsa-sha2-512,rsa-sha2-256,rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,ssh-rsa,ssh-rsa-cert-v01@openssh.com',
    ),
    ciphers: list(
      'chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr,aes256-cbc,rijndael-cbc@lysator.liu.se,aes192-cbc,aes128-cbc,blowfish-cbc,arcfour128,arcfour,cast128-cbc,3des-cbc',
    ),
    macs: list(
      'hmac-sha2-256,hmac-sha2-256-etm@openssh.com,hmac-sha2-512,hmac-sha2-512-etm@openssh.com,hmac-sha1,hmac-sha1-etm@openssh.com,hmac-sha1-96,hmac-md5,hmac-md5-96,hmac-ripemd160,hmac-ripemd160@openssh.com',
    ),
    compression: list('none'),
    firstKexPacketFollows: false,
  },
  {
    name: 'ssh2',
    version: 'ssh2js1.17.0',
    source: 'captured from the npm package',
    kex: list(
      'curve25519-sha256@libssh.org,curve25519-sha256,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256,diffie-hellman-group15-sha512,diffie-hellman-group16-sha512,diffie-hellman-group17-sha512,diffie-hellman-group18-sha512,ext-info-c,kex-strict-c-v00@openssh.com',
    ),
    hostKeys: list(
      'ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256,ssh-rsa',
    ),
    ciphers: list(
      'aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,chacha20-poly1305@openssh.com',
    ),
    macs: list(
      'hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1',
    ),
    compression: list('none,zlib@openssh.com,zlib'),
    firstKexPacketFollows: false,
  },
];

export const CLIENT_PRESETS: readonly ClientPreset[] = ROWS.map((row) => ({
  name: row.name,
  version: row.version,
  source: row.source,
  offer: {
    kex: row.kex,
    hostKeys: row.hostKeys,
    ciphersClientToServer: row.ciphers,
    ciphersServerToClient: row.ciphers,
    macsClientToServer: row.macs,
    macsServerToClient: row.macs,
    compressionClientToServer: row.compression,
    compressionServerToClient: row.compression,
    firstKexPacketFollows: row.firstKexPacketFollows,
  },
}));

export function findClientPreset(name: string): ClientPreset | undefined {
  return CLIENT_PRESETS.find((preset) => preset.name === name);
}
