import { ApiListener } from '../../../src/management/api-listener.ts';
import type { AccessKeyRecord } from '../../../src/state/records.ts';
import { recordedLog } from '../../management/api-doubles.ts';
import { newInstallation, type Installation } from '../../management/operations/test-installation.ts';
import { EXAMPLE_KEY } from '../../management/sign-request.ts';

export interface HandlersApi extends Installation {
  /** The environment in which the commands find it. */
  readonly environment: Record<string, string>;
  /** What was logged, an object a line. */
  readonly lines: readonly Record<string, unknown>[];
  stop(): void;
}

/** The management API as it is: its listener and its operations, over a state in memory and a node that opens no ports. */
export async function startHandlersApi(key: Partial<AccessKeyRecord> = {}): Promise<HandlersApi> {
  const installation = newInstallation();
  const { log, lines } = recordedLog();
  const listener = new ApiListener({
    operations: installation.operations,
    log,
    accessKey: (id) => (id === EXAMPLE_KEY.accessKeyId ? { ...EXAMPLE_KEY, ...key } : undefined),
    serverTags: (serverId) => installation.store.snapshot.servers.get(serverId)?.tags,
  });
  const { port } = await listener.listen('127.0.0.1', 0);
  return {
    ...installation,
    lines,
    environment: {
      AWS_ENDPOINT_URL_TRANSFER: `http://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: EXAMPLE_KEY.accessKeyId,
      AWS_SECRET_ACCESS_KEY: EXAMPLE_KEY.secretAccessKey,
    },
    stop: () => {
      listener.close();
    },
  };
}
