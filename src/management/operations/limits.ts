/** What a user may have of public keys: the service's quota. */
export const MAX_KEYS_PER_USER = 50;

/** What a resource may have of tags, as in the model. */
export const MAX_TAGS = 50;

/** The service's quota for users that it manages itself. The model would allow 50,000: 100 MB of a single request. */
export const MAX_HOME_DIRECTORY_MAPPINGS = 2000;

/** The service's quota. A client tries them one by one, and every session holds them all. */
export const MAX_HOST_KEYS_PER_SERVER = 10;

/** One connection to a server of ours comes in at one port. The service allows three. */
export const MAX_SFTP_PORTS = 1;

/** The most that the model lets a page have, and what a page has where the request does not say. */
export const MAX_PAGE = 1000;
