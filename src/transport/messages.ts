/** Message numbers of the transport layer (RFC 4253 §12, RFC 8308, RFC 4419 §5). */
export const SSH_MSG = {
  DISCONNECT: 1,
  IGNORE: 2,
  UNIMPLEMENTED: 3,
  DEBUG: 4,
  SERVICE_REQUEST: 5,
  SERVICE_ACCEPT: 6,
  EXT_INFO: 7,
  KEXINIT: 20,
  NEWKEYS: 21,
  /** First and last number that belong to the negotiated method. */
  KEX_FIRST: 30,
  KEX_LAST: 49,
  KEX_ECDH_INIT: 30,
  KEX_ECDH_REPLY: 31,
  KEX_DH_GEX_GROUP: 31,
  KEX_DH_GEX_INIT: 32,
  KEX_DH_GEX_REPLY: 33,
  KEX_DH_GEX_REQUEST: 34,
  /** First number of the services above the transport (authentication, connection). */
  SERVICE_FIRST: 50,
  /** ping@openssh.com: OpenSSH PROTOCOL §1.8. */
  PING: 192,
  PONG: 193,
} as const;
