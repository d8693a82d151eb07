#!/usr/bin/env node
import { keepYoungGenerationSmall } from './young-generation.ts';

// Before anything else is loaded: loading makes the young generation grow, and it does not shrink again.
keepYoungGenerationSmall();
await import('./program.ts');
