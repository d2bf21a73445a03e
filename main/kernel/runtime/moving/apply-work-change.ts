import type { WorkFolder } from '../drivers/interface.ts';
import { checkWorkPath } from '../drivers/work-path.ts';
import { workRefused } from '../errors.ts';
import { CHANGE_BYTES_MAX } from './constants.ts';
import type { WorkChange } from './interface.ts';

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/**
 * Does one step to a work folder. May be done twice.
 *
 * @throws {RuntimeError} `WORK_REFUSED` for a step that no copier makes; `SCRATCH_FULL`
 */
export const applyWorkChange = async (target: WorkFolder, change: WorkChange): Promise<void> => {
  checkWorkPath(change.path);
  switch (change.kind) {
    case 'folder':
      await target.makeFolder(change.path);
      break;
    case 'remove':
      await target.remove(change.path);
      break;
    case 'size':
      if (!isCount(change.bytes)) throw workRefused(change.path, 'it has no size');
      await target.truncate(change.path, change.bytes, change.executable);
      break;
    case 'block':
      if (!isCount(change.offset) || !isCount(change.offset + change.bytes.length))
        throw workRefused(change.path, 'a piece lies nowhere');
      if (change.bytes.length > CHANGE_BYTES_MAX) throw workRefused(change.path, 'a piece is too large');
      await target.write(change.path, change.offset, change.bytes);
      break;
  }
};
