import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createSystemOutside } from '../../../main/base/index.ts';
import { createTerminalPresence } from '../../../main/kernel/monitor/index.ts';
import { type HyperMeshNode, type ProvingInit, openNode } from '../../../main/node.ts';
import { findProgramPaths } from '../../../main/paths.ts';
import type { NetworkSettings } from '../../../preload/contract/index.ts';

export const sourceRoot = resolve(import.meta.dirname, '..', '..', '..');
export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'hypermesh-test-'));

/** A page with one file of each kind that matters to the border. */
export const writePage = (folder: string): void => {
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>page</title>');
  writeFileSync(join(folder, 'assets', 'index-abc123.js'), 'export {};');
  writeFileSync(join(folder, '.hidden.json'), '{}');
};

export interface TestNode {
  node: HyperMeshNode;
  folder: string;
  url: string;
  token: string;
  /** Stops the node and removes its folders. */
  end(): Promise<void>;
}

export interface TestNodeInit {
  /** A data folder of an earlier node, which then outlasts this one. */
  folder?: string;
  proving?: ProvingInit;
  /** @default off: no test talks to anybody unless it is about that */
  network?: Partial<NetworkSettings>;
}

/** The real thing, all of it, on any free port with a data folder of its own. */
export const openTestNode = async ({
  folder: given,
  proving,
  network = { enabled: false },
}: TestNodeInit = {}): Promise<TestNode> => {
  const root = temporaryFolder();
  const folder = given ?? join(root, 'data');
  const pageFolder = join(root, 'page');
  writePage(pageFolder);
  const outside = createSystemOutside();
  const node = await openNode(
    {
      outside,
      presence: createTerminalPresence({ outside }),
      gpuProbe: null,
      gpuMultiplier: null,
      keyStore: null,
      approval: null,
      windowControl: null,
    },
    {
      dataFolder: folder,
      paths: { ...findProgramPaths(pathToFileURL(join(sourceRoot, 'main', 'cli.ts')).href), pageFolder },
      mode: 'headless',
      version: '0.0.0-test',
      apiPort: 0,
      // No engine of whoever runs the tests is touched.
      environment: { DOCKER_HOST: 'unix:///hypermesh/none.sock' },
      network,
      logToTerminal: false,
      ...(proving !== undefined && { proving }),
    },
  );
  const { url, token } = node.running;
  if (url === null) throw new Error('the node does not listen');
  return {
    node,
    folder,
    url,
    token,
    end: async () => {
      await node.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
};

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}
/** One raw request: nothing is added, normalised or followed. */
export const ask = (
  url: string,
  {
    method = 'GET',
    path = '/',
    headers = {},
    body,
  }: { method?: string; path?: string; headers?: Record<string, string>; body?: string | Buffer },
): Promise<Answer> =>
  new Promise((resolveAnswer, reject) => {
    const { hostname, port } = new URL(url);
    const asked = request(
      { host: hostname.replaceAll(/[[\]]/g, ''), port, method, path, headers, agent: false },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.once('end', () =>
          resolveAnswer({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            text: Buffer.concat(parts).toString('utf8'),
          }),
        );
        answer.once('error', reject);
      },
    );
    asked.once('error', reject);
    asked.end(body);
  });
