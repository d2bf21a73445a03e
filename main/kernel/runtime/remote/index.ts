export type * from './interface.ts';
export { createRemoteJobs, type RemoteJobsComponents } from './create-remote-jobs.ts';
export { RemoteJobError } from './errors.ts';
