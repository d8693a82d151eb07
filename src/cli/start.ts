import { enableCompileCache } from 'node:module';
import { keepYoungGenerationSmall } from './serve/young-generation.ts';

// Before anything else is loaded: loading makes the young generation grow, and it does not shrink again.
keepYoungGenerationSmall();
enableCompileCache();
await import('./program.ts');
