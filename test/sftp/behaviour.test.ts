import { MemoryStore } from '../../src/storage/memory/memory-store.ts';
import { openLocal } from '../storage/local-fixture.ts';
import { describeBehaviour } from './behaviour-suite.ts';

describeBehaviour('memory', () => Promise.resolve({ store: new MemoryStore(), cleanup: () => Promise.resolve() }));
describeBehaviour('local', () => openLocal());
describeBehaviour('local with links', () => openLocal({ symlinks: true, hardlinks: true }));
