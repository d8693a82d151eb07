import type { EventHandlers } from '../events/event-channels.ts';
import type { EventOf } from '../events/server-event.ts';
import type { Logger } from './logger.ts';

/** Events that an operator should look at: something is lost, left, or not as it seems. */
const PROBLEM = /(_FAILED|_GIVE_UP|_LEFT|_INTERRUPTED|_HIDDEN|_UNKNOWN|_UNSUPPORTED)$/;

/** Log lines of a store. */
export function storageLines(log: Logger): EventHandlers {
  /** The group of the last connection, by host: there are as many hosts as the configuration leads to. */
  const groups = new Map<string, string | null>();
  return {
    'storage.connected': ({ type, host, protocol, cipher, group, postQuantum }) => {
      const line = { event: type, host, protocol, cipher, group, postQuantum };
      const [before, isFirst] = [groups.get(host), !groups.has(host)];
      groups.set(host, group);
      const what = `${protocol} with ${group ?? 'no key exchange of its own'}, ${postQuantum ? 'post-quantum' : 'classical'}`;
      if (isFirst) log.info(line, `connected to ${host}: ${what}`);
      else if (before !== group) log.info(line, `connected to ${host}: ${what}; before it was ${before ?? 'without'}`);
      else log.debug(line, `connected to ${host}: ${what}`);
    },
    'storage.connection-refused': ({ type, host, code, problem }) => {
      log.error({ event: type, host, code }, `no connection to ${host}: ${problem}`);
    },
    'storage.event': ({ name, fields }) => {
      storeLine(log, name, fields);
    },
    'storage.reachable': ({ type, place, seconds }) => {
      log.info({ event: type, seconds }, `${place} answers`);
    },
    'storage.unreachable': ({ type, code, status, permanent, problem }) => {
      const line = { event: type, code, status };
      const message = `${problem}; not ready until it answers`;
      if (permanent) log.error(line, message);
      else log.warn(line, message);
    },
  };
}

/** The line of one event out of the store's code. */
export function storeLine(log: Logger, name: string, fields: EventOf<'storage.event'>['fields']): void {
  const { error, ...others } = fields;
  const line = { event: `storage.${name}`, ...others, ...(error === undefined ? {} : { err: error }) };
  if (PROBLEM.test(name)) log.warn(line, name);
  else log.info(line, name);
}
