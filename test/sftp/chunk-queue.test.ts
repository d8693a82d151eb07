// Bytes in the chunks that they came in: the same bytes out, and no more memory than they are worth.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ChunkQueue } from '../../src/sftp/chunk-queue.ts';

/** As a cipher in place leaves them: a view of a large buffer. */
function view(bytes: number, within: number, value = 0): Buffer {
  return Buffer.alloc(within, value).subarray(0, bytes);
}

/** What the pieces keep alive. */
function keptBytes(pieces: readonly Buffer[]): number {
  return [...new Set(pieces.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

test.each([
  ['single bytes', [1], 32],
  ['single bytes between longer chunks', [1, 1024], 1024],
  ['little of each large packet', [1024], 65_536],
  ['a little of one, then of the other', [1023, 4096, 1, 1024], 262_144],
])('%s keep little more than themselves', (_, sizes, within) => {
  const queue = new ChunkQueue();
  for (let i = 0; queue.length < 256 * 1024; i += 1) {
    const size = sizes[i % sizes.length] ?? 0;
    queue.push(view(size, Math.max(size, within)));
  }
  const { length } = queue;
  expect(keptBytes(queue.takePieces(length))).toBeLessThan(2 * length + within);
});

test('chunks that fill their buffers are not copied', () => {
  const queue = new ChunkQueue();
  const chunks = [Buffer.alloc(32_768), Buffer.alloc(1024), view(32_768, 65_536)];
  for (const chunk of chunks) queue.push(chunk);
  expect(queue.takePieces(queue.length).map(({ buffer }) => buffer)).toEqual(chunks.map(({ buffer }) => buffer));
});

test('bytes come out as they went in, whatever is taken in between', () => {
  const push = fc.record({ push: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 900, max: 20_000 })) });
  const take = fc.record({ take: fc.double({ min: 0, max: 1, noNaN: true }) });
  fc.assert(
    fc.property(fc.array(fc.oneof(push, push, take), { maxLength: 60 }), (steps) => {
      const queue = new ChunkQueue();
      const taken: { readonly got: Buffer[]; readonly expected: Buffer }[] = [];
      let model = Buffer.alloc(0);
      let value = 0;
      for (const step of steps) {
        if ('push' in step) {
          const chunk = view(step.push, step.push * (value % 2 === 0 ? 1 : 8) + 1);
          for (let at = 0; at < chunk.length; at += 1) chunk[at] = value++ % 251;
          model = Buffer.concat([model, chunk]);
          queue.push(chunk);
        } else {
          const bytes = Math.floor(step.take * model.length);
          taken.push({ got: queue.takePieces(bytes), expected: model.subarray(0, bytes) });
          model = model.subarray(bytes);
        }
        expect(queue.length).toBe(model.length);
        if (model.length >= 4) expect(queue.peekUint32(model.length - 4)).toBe(model.readUInt32BE(model.length - 4));
      }
      // What was taken long ago has not been written over.
      for (const { got, expected } of taken) expect(Buffer.concat(got).equals(expected)).toBe(true);
      expect(queue.take(model.length).equals(model)).toBe(true);
    }),
    { numRuns: 300 },
  );
});
