import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8's young generation at its smallest size. Every packet leaves a few buffers behind whose bytes lie outside the
 * heap: with a young generation that has grown to 16 MiB it is collected so rarely that those bytes reach V8's limit for
 * external memory first, and each time a collection of the whole heap is the answer. Small and frequent collections are far
 * cheaper: measured on 1 GiB uploads, 7 full collections instead of 131, and 40 % less CPU time.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
