import { migration as first } from './0010-first.ts';
import type { Migration } from './migration.ts';

/** In order. */
export const migrations: readonly Migration[] = [first];
export type { Migration } from './migration.ts';
