import { expect, it } from 'vitest';
import { defaultDataPath } from '../../../../main/base/index.ts';

it.each([
  [{}, 'linux', '/home/ada', '/home/ada/.local/share/hypermesh'],
  [{ XDG_DATA_HOME: '/data' }, 'linux', '/home/ada', '/data/hypermesh'],
  [{ XDG_DATA_HOME: 'relative' }, 'linux', '/home/ada', '/home/ada/.local/share/hypermesh'],
  [{ XDG_DATA_HOME: '/data' }, 'freebsd', '/home/ada', '/data/hypermesh'],
  [{ XDG_DATA_HOME: '/data' }, 'darwin', '/Users/ada', '/Users/ada/Library/Application Support/HyperMesh'],
  [{ LOCALAPPDATA: 'D:\\Local' }, 'win32', 'C:\\Users\\ada', 'D:\\Local\\HyperMesh'],
  [{}, 'win32', 'C:\\Users\\ada', 'C:\\Users\\ada\\AppData\\Local\\HyperMesh'],
  [{ HYPERMESH_DATA: '/srv/node', XDG_DATA_HOME: '/data' }, 'linux', '/home/ada', '/srv/node'],
  [{ HYPERMESH_DATA: '' }, 'linux', '/home/ada', '/home/ada/.local/share/hypermesh'],
] as const)('with %j on %s it is in the usual place', (env, platform, home, path) => {
  expect(defaultDataPath(env, platform, home)).toBe(path);
});
