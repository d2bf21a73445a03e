import type { SandboxSpec } from '../../../../../preload/contract/index.ts';
import { COMPILED_BYTES_PER_MODULE_BYTE, HOST_OVERHEAD_BYTES, PYTHON_OVERHEAD_BYTES } from '../../constants.ts';

/** What a sandboxed job takes of the machine's memory at most: the program, its scratch folder, and what hosting it costs. */
export const allocatedMemoryBytes = (
  { kind, memoryBytes, scratchBytesMax }: Pick<SandboxSpec, 'kind' | 'memoryBytes' | 'scratchBytesMax'>,
  moduleBytes: number,
): number =>
  memoryBytes +
  scratchBytesMax +
  HOST_OVERHEAD_BYTES +
  (kind === 'python' ? PYTHON_OVERHEAD_BYTES : moduleBytes * COMPILED_BYTES_PER_MODULE_BYTE);
