export { defaultDataPath } from './default-path.ts';
export { DataFolderError } from './errors.ts';
export type * from './interface.ts';
export { type DataFolderComponents, type DataFolderInit, openDataFolder } from './open-data-folder.ts';
export { readRunningNode } from './running-node.ts';
