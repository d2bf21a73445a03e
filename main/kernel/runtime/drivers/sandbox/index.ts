export {
  createSandboxDriver,
  type SandboxDriverComponents,
  type SandboxDriverInit,
} from './create-sandbox-driver.ts';
export { allocatedMemoryBytes } from './memory.ts';
