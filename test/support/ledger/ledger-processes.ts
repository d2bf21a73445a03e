import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

/** What a node in a process of its own can be asked; see children/serve-ledger.ts. */
export interface ChildCalls {
  where: { input: null; output: { peerId: string; address: string } };
  connect: { input: { peerId: string; address: string }; output: null };
  status: {
    input: null;
    output: {
      height: number;
      hash: string;
      peers: number;
      isValidator: boolean;
      halted: string | null;
      validators: number;
      evidence: number;
    };
  };
  balance: { input: number; output: number };
  sign: { input: { account: number; to: number; amount: number; nonce: number }; output: number[] };
  transfer: { input: { account: number; to: number; amount: number; nonce: number }; output: number };
  latencies: { input: { account: number; count: number; from: number; msMax: number }; output: number[] };
  flood: { input: { accounts: readonly number[]; each: number; from: number }; output: number };
  sizes: { input: null; output: { bytes: number; signatures: number; transactions: number } };
  follow: { input: number; output: { blocks: number; ms: number } };
  stop: { input: null; output: null };
}
export interface LedgerProcess {
  readonly number: number;
  call<C extends keyof ChildCalls>(call: C, input: ChildCalls[C]['input']): Promise<ChildCalls[C]['output']>;
  /** SIGKILL, or SIGSTOP and SIGCONT, which are as good as pulling a cable. */
  signal(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}
export interface LedgerProcessInit {
  number: number;
  validators: number;
  accounts?: number;
  folder: string | null;
  lyingTo?: number | null;
  heartbeatMs?: number;
  /** A name space of Linux, and the address that it listens on there. @default this one, on loopback */
  space?: { namespace: string; listen: string };
}

/** All processes of one run begin the same network, and begin it now: validators of an old one would not sign without their logs. */
const BEGAN_MS = Date.now();

export const startLedgerProcess = async (init: LedgerProcessInit): Promise<LedgerProcess> => {
  const { accounts = 4, lyingTo = null, heartbeatMs = 60_000, space, ...rest } = init;
  const child: ChildProcess = fork(
    join(import.meta.dirname, '../children/serve-ledger.ts'),
    [JSON.stringify({ ...rest, accounts, lyingTo, heartbeatMs, createdAtMs: BEGAN_MS, listen: space?.listen })],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      ...(space !== undefined && {
        execPath: '/usr/sbin/ip',
        execArgv: ['netns', 'exec', space.namespace, process.execPath, ...process.execArgv],
      }),
    },
  );
  const waiting = new Map<number, { resolve(output: never): void; reject(error: Error): void }>();
  let nextId = 1;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const answer = <T>(id: number): Promise<T> =>
    new Promise<T>((resolve, reject) => waiting.set(id, { resolve, reject }));
  child.on('message', ({ id, output, error }: { id: number; output?: never; error?: string }) => {
    const waiter = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) waiter?.resolve(output as never);
    else waiter?.reject(new Error(error));
  });
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
    for (const { reject } of waiting.values()) reject(new Error(`node ${init.number} has ended`));
    waiting.clear();
  });
  await answer(0);
  return {
    number: init.number,
    call: (call, input) => {
      // Nobody would answer.
      if (hasEnded) return Promise.reject(new Error(`node ${init.number} has ended`));
      const id = nextId++;
      const answered = answer<never>(id);
      child.send({ id, call, input }, () => undefined);
      return answered;
    },
    signal: (signal) => {
      child.kill(signal);
    },
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
    },
  };
};

/** Connects each with all that come before it. */
export const connectAll = async (nodes: readonly LedgerProcess[], among = nodes): Promise<void> => {
  for (const one of nodes)
    for (const other of among)
      if (other.number !== one.number) await one.call('connect', await other.call('where', null)).catch(() => null);
};
/** Asks until it is so. */
export const until = async (what: string, check: () => Promise<boolean>, msMax = 60_000): Promise<void> => {
  const endMs = performance.now() + msMax;
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`${what} did not come about within ${msMax} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
