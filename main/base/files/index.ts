export { syncFolder, writeFileAtomically } from './atomic-file.ts';
export { TAR_END, tarHeader, tarPadding } from './tar.ts';
