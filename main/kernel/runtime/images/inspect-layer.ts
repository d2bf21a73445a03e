import {
  LAYER_ENTRIES_MAX,
  LAYER_LINK_CHARACTERS_MAX,
  LAYER_LINKS_MAX,
  NAME_BYTES_MAX,
  PATH_BYTES_MAX,
} from './constants.ts';
import { readTar, TarError } from './tar-reader.ts';

/** Steps of a path in an archive. `.` and empty ones are left out; null where one leads up. */
const stepsOf = (path: string): string[] | null => {
  const steps = path.split('/').filter((step) => step !== '' && step !== '.');
  return steps.includes('..') ? null : steps;
};
/** Whether a relative link, followed from a folder so many steps below the root, stays beneath it all the way. */
const staysInside = (depth: number, target: string): boolean => {
  let at = depth;
  for (const step of target.split('/')) {
    if (step === '..') at -= 1;
    else if (step !== '' && step !== '.') at += 1;
    if (at < 0) return false;
  }
  return true;
};

/**
 * Looks through a layer before an engine unpacks it: nothing in it may come to lie outside its root, be reached through a link that
 * the layer itself brings, or be a device. What a program inside may do with the rest, the walls of its container decide.
 *
 * @returns how many entries it has
 * @throws {TarError} with what is wrong; whatever the source throws
 */
export const inspectLayer = async (source: AsyncIterable<Uint8Array>): Promise<number> => {
  /** Symbolic links that stand where they stood when the entry that is looked at comes. */
  const links = new Set<string>();
  let characters = 0;
  let entries = 0;
  const unlink = (path: string): void => {
    if (links.delete(path)) characters -= path.length;
  };
  for await (const { kind, path, linkPath } of readTar(source)) {
    entries += 1;
    if (entries > LAYER_ENTRIES_MAX) throw new TarError(`a layer has more than ${LAYER_ENTRIES_MAX} entries`);
    if (path.startsWith('/')) throw new TarError('a layer has a file at an absolute path');
    const steps = stepsOf(path);
    if (steps === null) throw new TarError('a layer has a file outside its root');
    if (path.length > PATH_BYTES_MAX || steps.some((step) => Buffer.byteLength(step) > NAME_BYTES_MAX))
      throw new TarError('a layer has a name that is too long');
    let above = '';
    for (const step of steps.slice(0, -1)) {
      above = above === '' ? step : `${above}/${step}`;
      if (links.has(above)) throw new TarError('a layer writes through a link of its own');
    }
    const place = steps.join('/');
    if (place === '' && kind !== 'folder') throw new TarError('a layer puts something in the place of its root');
    switch (kind) {
      case 'device':
      case 'fifo':
        throw new TarError('a layer has a device or a pipe');
      case 'symlink':
        // An absolute one is followed inside the container, whose root it cannot leave.
        if (linkPath === '' || !(linkPath.startsWith('/') || staysInside(steps.length - 1, linkPath)))
          throw new TarError('a layer has a link that leads outside its root');
        if (!links.has(place)) {
          links.add(place);
          characters += place.length;
        }
        if (links.size > LAYER_LINKS_MAX || characters > LAYER_LINK_CHARACTERS_MAX)
          throw new TarError('a layer has too many links');
        continue;
      case 'hardlink': {
        const target = stepsOf(linkPath);
        if (linkPath.startsWith('/') || target === null || target.length === 0)
          throw new TarError('a layer has a link that leads outside its root');
        let folder = '';
        for (const step of target.slice(0, -1)) {
          folder = folder === '' ? step : `${folder}/${step}`;
          if (links.has(folder)) throw new TarError('a layer links through a link of its own');
        }
        // A second name of a link is a link.
        if (links.has(target.join('/'))) {
          if (!links.has(place)) characters += place.length;
          links.add(place);
          continue;
        }
        unlink(place);
        continue;
      }
      case 'folder':
      case 'file':
        unlink(place);
    }
  }
  return entries;
};
