// Seeded mutations of recorded traffic: what one run finds, a run with its seed finds again.

/** A whole number from 0 up to and without `below`. */
export type Random = (below: number) => number;

/** The seed of this process's run; FUZZ_SEED in the environment repeats one. */
export const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

/** mulberry32: a small generator that begins anywhere, so that one failing run can be had again. */
export function generator(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const INTERESTING = [0, 1, 4, 0x7f, 0xff, 0x100, 0xffff, 0x10000, 0x40000, 0x7fffffff, 0x80000000, 0xffffffff] as const;

/**
 * Changes, cuts, drops, repeats or swaps one to four of the packets. `framed`: each begins with its length (uint32, itself
 * not counted), which some mutations keep right.
 */
export function mutate(packets: readonly Buffer[], random: Random, framed: boolean): Buffer[] {
  const chosen = packets.map((packet) => Buffer.from(packet));
  const times = 1 + random(4);
  for (let time = 0; time < times; time += 1) {
    const index = random(chosen.length);
    const packet = chosen[index];
    if (packet === undefined || packet.length === 0) continue;
    const place = random(packet.length);
    switch (random(9)) {
      case 0:
        packet[place] = (packet[place] ?? 0) ^ (1 << random(8));
        break;
      case 1:
        packet[place] = random(256);
        break;
      case 2:
        if (packet.length >= 4) {
          packet.writeUInt32BE(INTERESTING[random(INTERESTING.length)] ?? 0, random(packet.length - 3));
        }
        break;
      case 3:
        chosen[index] = packet.subarray(0, place);
        break;
      case 4:
        chosen.splice(index, 1);
        break;
      case 5:
        chosen.splice(random(chosen.length + 1), 0, Buffer.from(packet));
        break;
      case 6: {
        // A packet of the right length with a piece taken out of its middle.
        const shorter = Buffer.concat([packet.subarray(0, place), packet.subarray(place + 1 + random(8))]);
        if (framed && shorter.length >= 4) shorter.writeUInt32BE(shorter.length - 4);
        chosen[index] = shorter;
        break;
      }
      case 7: {
        const longer = Buffer.concat([packet, Buffer.alloc(1 + random(64), random(256))]);
        if (framed && longer.length >= 4) longer.writeUInt32BE(longer.length - 4);
        chosen[index] = longer;
        break;
      }
      default: {
        const other = random(chosen.length);
        chosen[index] = chosen[other] ?? packet;
        chosen[other] = packet;
      }
    }
  }
  return chosen;
}

/** Cuts the bytes where packets do not end. */
export function cut(bytes: Buffer, random: Random): Buffer[] {
  const chunks: Buffer[] = [];
  let start = 0;
  while (start < bytes.length) {
    const end = Math.min(bytes.length, start + 1 + random(random(4) === 0 ? 8 : 4000));
    chunks.push(bytes.subarray(start, end));
    start = end;
  }
  return chunks;
}
