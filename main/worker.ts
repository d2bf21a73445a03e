// Entry of the worker pool's threads. It imports no front door and no room before one of its tasks runs, so that a thread loads what
// its tasks need and no more: signatures alone take 20 MiB.
import { sha256 } from './base/codec.ts';
import { serveTasks } from './base/workers/serve-tasks.ts';

serveTasks(
  {
    /** Takes bytes, gives their sha2-256. */
    'hash.sha256': (input) => sha256(input as Uint8Array),
  },
  {
    crypto: async () => (await import('./base/crypto/tasks.ts')).cryptoTasks,
    caesar: async () => (await import('./apps/caesar/tasks.ts')).caesarTasks,
    satchel: async () => (await import('./apps/satchel/tasks.ts')).satchelTasks,
    hardware: async () => (await import('./kernel/assets/adapters/tasks.ts')).hardwareTasks,
    benchmark: async () => (await import('./kernel/assets/benchmark/tasks.ts')).benchmarkTasks,
    blocks: async () => (await import('./kernel/blocks/tasks.ts')).blockTasks,
    consensus: async () => (await import('./kernel/consensus/tasks.ts')).consensusTasks,
    proof: async () => (await import('./kernel/proof/tasks.ts')).proofTasks,
    space: async () => (await import('./kernel/proof/tasks.ts')).proofTasks,
    leases: async () => (await import('./kernel/leases/tasks.ts')).leaseTasks,
    runtime: async () => (await import('./kernel/runtime/tasks.ts')).runtimeTasks,
    http: async () => (await import('./api/http/tasks.ts')).httpTasks,
    stoq: async () => (await import('./transport/stoq/tasks.ts')).stoqTasks,
  },
);
