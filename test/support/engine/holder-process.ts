import { type ChildProcess, spawn } from 'node:child_process';
import { compileHolderHelper, helpersUnbuildable } from '../../../scripts/setup/native-helpers.mjs';
import type { HolderWire } from '../../../main/kernel/runtime/drivers/container/holder/session.ts';

/** Why there is no holder here, null where there is. */
export const holderMissing: string | null = helpersUnbuildable();

const SANITIZERS =
  '-std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'.split(
    ' ',
  );

/** @returns whether it looks at every access: the sanitizers are not on every machine */
export const compileCheckedHolder = async (target: string): Promise<boolean> => {
  const { code } = await compileHolderHelper(target, SANITIZERS);
  if (code === 0) return true;
  const plain = await compileHolderHelper(target);
  if (plain.code !== 0) throw new Error(plain.stderr);
  return false;
};

export interface HolderProcess {
  readonly child: ChildProcess;
  /** What it wrote to stderr: a sanitizer's report. */
  said(): string;
  /** A wire to it. The one before hears nothing more, as when a node has died and another attached. */
  attach(): HolderWire;
  kill(): Promise<void>;
}

/** A holder without a container. */
export const startHolderProcess = (
  program: string,
  key: string,
  folder: string,
  doors: readonly [number, number],
): HolderProcess => {
  const child = spawn(program, [key, folder, String(doors[0]), String(doors[1])], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1', UBSAN_OPTIONS: 'print_stacktrace=1' },
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.on('error', () => undefined);
  let listener: { data: (bytes: Uint8Array) => void; ended: () => void } | null = null;
  child.stdout.on('data', (chunk: Buffer) => listener?.data(chunk));
  child.once('exit', () => listener?.ended());
  return {
    child,
    said: () => said,
    attach: () => {
      let closed = false;
      listener = null;
      return {
        write: (bytes) => {
          if (!closed) child.stdin.write(bytes);
        },
        listen: (fresh) => (listener = fresh),
        close: () => (closed = true),
      };
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
};
