import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSocketServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// What listens where a container engine is looked for and is none, or one that lies. Real sockets, so that nothing of ours is faked.

export interface FakeEngine {
  readonly endpoint: string;
  readonly socketPath: string;
  /** Requests that came, as `GET /path`, newest last. */
  readonly requests: string[];
  close(): Promise<void>;
}
/** What a test container did, as the fake tells it. */
export interface FakeContainer {
  /** Lines that it printed, by the word that it was started with (`look`, `memory`, `burn`). */
  printed: Record<string, string>;
  exitCode?: number;
  outOfMemory?: boolean;
  /** Processor time that its counters gain per second. */
  cpuMsPerSecond?: number;
}

export const FAKE_VERSION = { Version: '28.2.2', ApiVersion: '1.50', Components: [{ Name: 'Engine' }] };
export const FAKE_INFO = {
  NCPU: 8,
  MemTotal: 16 * 1024 ** 3,
  Images: 3,
  ContainersRunning: 1,
  Driver: 'overlay2',
  DriverStatus: [['Backing Filesystem', 'extfs']],
  CgroupVersion: '2',
  CgroupDriver: 'systemd',
  KernelVersion: '6.8.0',
  Architecture: 'x86_64',
  OSType: 'linux',
  OperatingSystem: 'Debian GNU/Linux 13',
  DockerRootDir: tmpdir(),
  MemoryLimit: true,
  SwapLimit: true,
  CpuCfsQuota: true,
  PidsLimit: true,
  SecurityOptions: ['name=seccomp,profile=builtin', 'name=cgroupns'],
  Runtimes: { runc: {} },
};
/** What the test program prints behind walls that hold. */
export const HELD: FakeContainer = {
  printed: {
    look: [
      'Uid 65532\t65532\t65532\t65532',
      'CapEff 0000000000000000',
      'CapPrm 0000000000000000',
      'CapBnd 0000000000000000',
      'NoNewPrivs 1',
      'Seccomp 2',
      'interface lo',
      'kept /hypermesh-probe-file 30',
      'tmp-error 28',
      'tmp-bytes 8388608',
      'pids-error 11',
      'pids 32',
    ].join('\n'),
    memory: 'memory 41943040',
    burn: 'burn begun\nburn-cpu-ms 660\nburn-wall-ms 2200',
  },
  exitCode: 0,
  cpuMsPerSecond: 300,
};

const newSocket = (): { folder: string; socketPath: string } => {
  const folder = mkdtempSync(join(tmpdir(), 'hm-fake-engine-'));
  return { folder, socketPath: join(folder, 'docker.sock') };
};

/** Anything that speaks HTTP. */
export const startFakeHttp = async (
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<FakeEngine> => {
  const { folder, socketPath } = newSocket();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.on('error', () => undefined);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    endpoint: `unix://${socketPath}`,
    socketPath,
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** Anything that takes connections. */
export const startFakeSocket = async (answer: (socket: Socket) => void): Promise<FakeEngine> => {
  const { folder, socketPath } = newSocket();
  const sockets = new Set<Socket>();
  const server = createSocketServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    endpoint: `unix://${socketPath}`,
    socketPath,
    requests: [],
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** One frame of a log as Docker sends it. */
export const logFrame = (text: string, stream: 1 | 2 = 1): Buffer => {
  const body = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
};

export interface FakeEngineAnswers {
  version?: object;
  info?: object;
  /** What became of test containers. */
  container?: FakeContainer;
  /** Answers one request in place of the engine. @returns whether it did */
  instead?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** An engine that answers what the doctor asks, as the test wants it. It runs nothing. */
export const startFakeEngine = async (answers: FakeEngineAnswers = {}): Promise<FakeEngine> => {
  const container = { ...HELD, ...answers.container };
  const begunMs = performance.timeOrigin + performance.now();
  const words = new Map<string, string>();
  let made = 0;
  return startFakeHttp((request, response) => {
    if (answers.instead?.(request, response) === true) return;
    const url = new URL(request.url ?? '/', 'http://engine');
    const path = url.pathname;
    const send = (body: unknown, status = 200): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
    };
    const id = /^\/containers\/([0-9a-f]{64})/.exec(path)?.[1] ?? '';
    if (path === '/version') send({ ...FAKE_VERSION, ...answers.version });
    else if (path === '/info') send({ SystemTime: new Date().toISOString(), ...FAKE_INFO, ...answers.info });
    else if (path === '/_ping') send('OK');
    else if (path === '/events') response.writeHead(200).flushHeaders();
    else if (path === '/volumes') send({ Volumes: null });
    else if (path.endsWith('/json') && id === '') send([]);
    else if (path === '/networks') send([]);
    else if (path === '/images/create') {
      request.resume();
      request.on('end', () => send({ status: 'sha256:0' }));
    } else if (path === '/containers/create') {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const name = (made += 1).toString(16).padStart(64, '0');
        words.set(name, String((JSON.parse(Buffer.concat(parts).toString()) as { Cmd: string[] }).Cmd[0]));
        send({ Id: name }, 201);
      });
    } else if (path.endsWith('/start')) send('', 204);
    else if (path.endsWith('/wait')) send({ StatusCode: words.get(id) === 'memory' ? 137 : (container.exitCode ?? 0) });
    else if (path.endsWith('/json'))
      send({ State: { OOMKilled: container.outOfMemory ?? words.get(id) === 'memory' } });
    else if (path.endsWith('/logs')) send(logFrame(`${container.printed[words.get(id) ?? ''] ?? ''}\n`));
    else if (path.endsWith('/stats')) {
      const nowMs = performance.timeOrigin + performance.now();
      const wholeMs = Math.floor(nowMs);
      send({
        // With nanoseconds, as engines write it.
        read: `${new Date(wholeMs).toISOString().slice(0, -1)}${String(Math.floor((nowMs - wholeMs) * 1e6)).padStart(6, '0')}Z`,
        cpu_stats: {
          cpu_usage: {
            total_usage: Math.round(((nowMs - begunMs) / 1000) * (container.cpuMsPerSecond ?? 300) * 1e6),
          },
        },
      });
    } else if (request.method === 'DELETE') send([]);
    else send({ message: 'page not found' }, 404);
  });
};
