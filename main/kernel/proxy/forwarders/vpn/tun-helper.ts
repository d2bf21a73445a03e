import { spawn } from 'node:child_process';
import { type Clock, messageOf } from '../../../../base/index.ts';
import { HELPER_END_MS_MAX, HELPER_READY_MS_MAX, HELPER_SAID_CHARS_MAX } from './constants.ts';
import { HELPER_CODES, type HelperCode, HelperError } from './errors.ts';

// The only place that starts the helper, docs/formats/tun-helper.md.

export interface HelperInit {
  path: string;
  device: string;
  mtuBytes: number;
  /** As RFC 5952 writes it. */
  address: string;
  /** It ended without having been asked to. */
  onLost(error: HelperError): void;
}
export interface Helper {
  /** Begins to read: bytes of the device as they come, packets not told apart. */
  read(onBytes: (bytes: Buffer) => void): void;
  /** @param done - once the bytes are no longer needed */
  write(bytes: Buffer, done: () => void): void;
  /** Ends it, and the device with it. */
  stop(): Promise<void>;
}

/** Resolves once the device is there. @throws {HelperError} */
export const startHelper = async ({ clock }: { clock: Clock }, init: HelperInit): Promise<Helper> => {
  const child = spawn(init.path, [init.device, String(init.mtuBytes), init.address], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {},
  });
  let said = '';
  let asked = false;
  let isReady = false;
  const { promise: ready, resolve: onReady, reject: onFailed } = Promise.withResolvers<void>();
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const lost = (error: HelperError): void => {
    if (!isReady) onFailed(error);
    else if (!asked) {
      asked = true;
      init.onLost(error);
    }
  };
  child.once('error', (error) => {
    const code = (error as NodeJS.ErrnoException).code === 'EACCES' ? 'NO_PERMISSION' : 'HELPER_FAILED';
    lost(new HelperError({ code }, messageOf(error)));
  });
  // Writing to one that has gone is noticed by its end.
  child.stdin.on('error', () => undefined);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < HELPER_SAID_CHARS_MAX) said += text;
    if (/^\{"ready":/m.test(said)) onReady();
  });
  child.once('close', (code, signal) => {
    lost(readError(said) ?? new HelperError({ code: 'HELPER_FAILED' }, `the helper ended (${signal ?? code})`));
  });
  const stop = async (): Promise<void> => {
    asked = true;
    child.stdin.end();
    const cancel = clock.after(HELPER_END_MS_MAX, () => child.kill('SIGKILL'));
    await ended;
    cancel();
  };
  const cancel = clock.after(HELPER_READY_MS_MAX, () =>
    onFailed(new HelperError({ code: 'HELPER_FAILED' }, 'the helper says nothing')),
  );
  try {
    await ready;
  } catch (error) {
    await stop();
    throw error;
  } finally {
    cancel();
  }
  isReady = true;
  return {
    read: (onBytes) => {
      child.stdout.on('data', onBytes);
    },
    write: (bytes, done) => {
      child.stdin.write(bytes, done);
    },
    stop,
  };
};

/** @returns null when it said nothing that can be read */
const readError = (said: string): HelperError | null => {
  for (const line of said.split('\n')) {
    try {
      const { error, sentence } = JSON.parse(line) as { error?: unknown; sentence?: unknown };
      const code = HELPER_CODES.find((known): known is HelperCode => known === error);
      if (code !== undefined && typeof sentence === 'string') return new HelperError({ code }, sentence);
    } catch {
      // Something else wrote there, such as the loader of programs.
    }
  }
  return null;
};
