export { syncFolder, writeFileAtomically } from './atomic-file.ts';
