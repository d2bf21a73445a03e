export { createGuard, type GuardComponents, type GuardInit } from './create-guard.ts';
