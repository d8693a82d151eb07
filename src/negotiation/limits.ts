/** One name-list of a KEXINIT, in bytes. The longest seen, that of OQS OpenSSH, has over 3,500. */
export const MAX_NAME_LIST_BYTES = 16 * 1024;
