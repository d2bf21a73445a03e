export {
  createContainerDoctor,
  type ContainerDoctorComponents,
  type ContainerDoctorInit,
} from './create-container-doctor.ts';
export { DoctorError } from './errors.ts';
export type { MachineFacts } from './examined.ts';
export type * from './interface.ts';
