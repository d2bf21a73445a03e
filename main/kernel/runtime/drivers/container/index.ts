export {
  createContainerDriver,
  type ContainerDriverComponents,
  type ContainerDriverInit,
} from './create-container-driver.ts';
export { containerSlots, memoryOf } from './container-options.ts';
