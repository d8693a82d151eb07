import { KEY_TYPES } from '../identity.ts';
import { MAIN } from './main-setup.ts';
import { upAndDown } from './algorithms.ts';
import type { InteropScenario } from './scenario.ts';
import { expect } from './scenario.ts';

/** Public key authentication with every type of key that the client has. */
export const publicKey: InteropScenario = {
  name: 'user-key',
  title: 'Public key',
  needs: ['put', 'get'],
  variants: (client) => client.userKeys,
  setup: () => MAIN,
  async run(cell) {
    const type = KEY_TYPES.find((one) => one === cell.variant);
    expect(type !== undefined && cell.server !== null, 'no such key type');
    await upAndDown(cell, 1000, { key: cell.server.identity.userKeys[type], password: null });
  },
};

export const password: InteropScenario = {
  name: 'password',
  title: 'Password',
  needs: ['put', 'get', 'password'],
  variants: () => [''],
  setup: () => MAIN,
  async run(cell) {
    expect(cell.server !== null, 'no server');
    await upAndDown(cell, 1000, { key: null, password: cell.server.identity.password });
  },
};
