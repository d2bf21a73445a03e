export { type Containers, createContainers } from './create-containers.ts';
