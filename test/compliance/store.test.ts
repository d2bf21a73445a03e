import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { createStore, createSystemOutside } from '../../main/base/index.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { testStore } from './store.ts';

const folder = mkdtempSync(join(tmpdir(), 'hypermesh-store-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
let count = 0;
const nextPath = (): string => join(folder, `${++count}.db`);
const workerPath = join(import.meta.dirname, '../../main/base/store/worker.ts');
const components = { logger: createSilentLogger(), metrics: null, clock: createSystemOutside().clock };

describe('store inline, in memory', () => {
  testStore(() => createStore(components, { path: ':memory:' }));
});
describe('store inline, in a file', () => {
  testStore(() => createStore(components, { path: nextPath() }));
});
describe('store in a thread, in a file', () => {
  testStore(() => createStore(components, { path: nextPath(), workerPath }));
});
