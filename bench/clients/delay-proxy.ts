// A TCP proxy that delays every byte: node delay-proxy.ts TARGET_PORT ROUND_TRIP_MS. It prints its port.
// Each direction is late by half of the round trip; nothing is dropped and the rate is not limited, so that what is measured
// is how much the two ends keep in flight.
import { connect, createServer, type Socket } from 'node:net';

const [targetPort = 0, roundTripMs = 0] = process.argv.slice(2).map(Number);

const server = createServer({ noDelay: true }, (client) => {
  const target = connect({ host: '127.0.0.1', port: targetPort, noDelay: true });
  relay(client, target);
  relay(target, client);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${address !== null && typeof address === 'object' ? address.port : 0}\n`);
});

function relay(from: Socket, to: Socket): void {
  /** What waits, with the time at which it is due: one timer for the oldest, as the delay is the same for all. */
  const queue: { readonly due: number; readonly data: Buffer | null }[] = [];
  let timer: NodeJS.Timeout | null = null;
  const deliver = (): void => {
    timer = null;
    const now = performance.now();
    for (let first = queue[0]; first !== undefined && first.due <= now; first = queue[0]) {
      queue.shift();
      if (first.data === null) to.end();
      else to.write(first.data);
    }
    schedule();
  };
  const schedule = (): void => {
    const [first] = queue;
    if (first !== undefined && timer === null) timer = setTimeout(deliver, Math.max(0, first.due - performance.now()));
  };
  const add = (data: Buffer | null): void => {
    queue.push({ due: performance.now() + roundTripMs / 2, data });
    schedule();
  };
  from.on('data', add);
  from.on('end', () => {
    add(null);
  });
  from.on('error', () => {
    to.destroy();
  });
}
