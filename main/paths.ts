import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the parts of the program lie that run in threads and processes of their own. */
export interface ProgramPaths {
  /** Entry of the thread that holds the database. */
  storeWorker: string;
  /** Entry of the threads of the worker pool. */
  worker: string;
  /** Entry of the thread of the side socket: datagrams between peers, holes in NATs. */
  sideWorker: string;
  /** Entry of the process that one job runs in. */
  jobHost: string;
  /** Plain Node runtime for job hosts. */
  node: string;
  /** Helper that makes the device of the VPN; it is there where a compiler was when the program was built. */
  tunHelper: string;
  /** Static program in the container beside each container job; there where a compiler was when the program was built. */
  holderHelper: string;
  /** What the container doctor runs in its test container. */
  probeHelper: string;
  /** Built page, served to browsers and loaded by the window. */
  pageFolder: string;
}

/**
 * @param entryUrl - `import.meta.url` of the entry: `main/cli.ts` when run from source, `out/main/cli.js` when built.
 *   Only an entry knows it, as the bundler moves everything else into chunks.
 */
export const findProgramPaths = (entryUrl: string): ProgramPaths => {
  const entry = fileURLToPath(entryUrl);
  const folder = dirname(entry);
  const fromSource = entry.endsWith('.ts');
  const root = fromSource ? dirname(folder) : dirname(dirname(folder));
  // Electron reads its own archive; a plain Node process needs the files that were unpacked beside it.
  const unpacked = (path: string): string => path.replace(/app\.asar(?=[\\/]|$)/, 'app.asar.unpacked');
  const built = (name: string): string => unpacked(join(folder, name));
  return {
    storeWorker: fromSource ? join(folder, 'base', 'store', 'worker.ts') : built('store-worker.js'),
    worker: fromSource ? join(folder, 'worker.ts') : built('worker.js'),
    sideWorker: fromSource
      ? join(folder, 'transport', 'stoq', 'reach', 'side-worker.ts')
      : built('stoq-side-worker.js'),
    jobHost: fromSource ? join(folder, 'kernel', 'runtime', 'host', 'main.ts') : built('job-host.cjs'),
    node: findNode(root),
    tunHelper: findHelper(root, 'hypermesh-tun'),
    holderHelper: findHelper(root, 'hypermesh-holder'),
    probeHelper: findHelper(root, 'hypermesh-probe'),
    pageFolder: unpacked(join(root, 'out', 'renderer')),
  };
};

/** Installed, helpers lie beside the program; in the repository they are built into out/. */
const findHelper = (root: string, name: string): string => {
  const installed = /^app\.asar(\.unpacked)?$/.test(basename(root));
  return installed ? join(dirname(dirname(root)), 'helpers', name) : join(root, 'out', 'helpers', name);
};

const findNode = (root: string): string => {
  // Already plain Node: the same program runs the jobs.
  if (process.versions.electron === undefined) return process.execPath;
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const shipped = join(process.resourcesPath, 'node', name);
  return existsSync(shipped) ? shipped : join(root, 'node_modules', 'node', 'bin', name);
};
