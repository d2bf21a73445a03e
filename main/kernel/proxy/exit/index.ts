export { createExitProvider, type ExitProvider, type ExitProviderComponents } from './create-exit-provider.ts';
export { createJobExit, type JobExitComponents } from './job-exit.ts';
export { createExitRules, type ExitRules, type ExitSettings } from './exit-rules.ts';
