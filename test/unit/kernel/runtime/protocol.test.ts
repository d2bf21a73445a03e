import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { WASI } from '@bjorn3/browser_wasi_shim';
import { describe, expect, it } from 'vitest';
import { hostFlags, hostReadPaths } from '../../../../main/kernel/runtime/drivers/sandbox/job-process.ts';
import {
  FRAME,
  FRAME_PAYLOAD_BYTES_MAX,
  FrameReader,
  frameHead,
  startMessage,
  type FrameType,
} from '../../../../main/kernel/runtime/protocol.ts';
import { WASI_FUNCTIONS } from '../../../../main/kernel/runtime/wasi-functions.ts';

describe('FrameReader', () => {
  const frame = fc.record({
    type: fc.constantFrom<FrameType>(...Object.values(FRAME)),
    payload: fc.uint8Array({ maxLength: 300 }),
  });

  it('gives the frames that were sent, however the stream was cut', () => {
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (frames, sizes) => {
        const bytes = Buffer.concat(frames.flatMap(({ type, payload }) => [frameHead(type, payload.length), payload]));
        const reader = new FrameReader();
        const read: { type: FrameType; payload: Uint8Array }[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          for (const { type, payload } of reader.push(bytes.subarray(at, at + size)))
            read.push({ type, payload: Uint8Array.from(payload) });
          at += size;
        }
        expect(read).toEqual(frames);
      }),
    );
  });

  it('refuses other types and longer payloads', () => {
    for (const type of [0, 8, 255])
      expect(() => new FrameReader().push(frameHead(type as FrameType, 0))).toThrow(/no frame/);
    expect(() => new FrameReader().push(frameHead(FRAME.stdout, FRAME_PAYLOAD_BYTES_MAX + 1))).toThrow(/no frame/);
    expect(new FrameReader().push(frameHead(FRAME.stdout, FRAME_PAYLOAD_BYTES_MAX))).toEqual([]);
  });
});

describe('the example in docs/formats/job-host-protocol.md', () => {
  const page = readFileSync(
    join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'formats', 'job-host-protocol.md'),
    'utf8',
  );
  /** Hexadecimal digits at the beginnings of the lines of a block. */
  const blocks = [...page.matchAll(/```text\n(.*?)```/gs)].map(([, text]) =>
    Buffer.from(
      text!
        .split('\n')
        .map((line) => line.slice(0, 47).replaceAll(' ', ''))
        .join(''),
      'hex',
    ),
  );

  it('is what is sent', () => {
    const header = {
      version: 2,
      nodePid: 4711,
      watch: false,
      warm: false,
      kind: 'wasm' as const,
      args: ['x'],
      env: {},
      memoryBytes: 65536,
      scratchBytesMax: 0,
      moduleBytes: 8,
      stdinBytes: 0,
      engineBytes: 0,
      files: [],
      outputs: [],
    };
    expect(blocks[0]).toEqual(
      Buffer.concat(
        startMessage(header, [new Uint8Array(), Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), new Uint8Array()]),
      ),
    );
  });

  it('is what is read', () => {
    expect(new FrameReader().push(blocks[1]!)).toEqual([
      { type: FRAME.refused, payload: Buffer.from('{"reason":"No."}') },
    ]);
  });
});

describe('a host', () => {
  it('offers exactly the WASI functions that modules may import', () => {
    expect(new Set(Object.keys(new WASI([], [], [], { debug: false }).wasiImport))).toEqual(WASI_FUNCTIONS);
  });

  it('may read its own program and nothing else', () => {
    expect(hostReadPaths('/app/out/main/job-host.cjs')).toEqual([
      '/app/out/main/',
      '/app/package.json',
      '/app/node_modules/@bjorn3/browser_wasi_shim/',
      '/app/node_modules/quickjs-emscripten-core/',
      '/app/node_modules/@jitl/quickjs-ffi-types/',
      '/app/node_modules/@jitl/quickjs-wasmfile-release-sync/',
    ]);
    expect(hostReadPaths('/src/main/kernel/runtime/host/main.ts').slice(0, 2)).toEqual([
      '/src/main/kernel/runtime/',
      '/src/package.json',
    ]);
    expect(hostFlags('/app/out/main/job-host.cjs', 2 ** 27, false)).toEqual(
      expect.arrayContaining(['--permission', '--no-addons', '--max-old-space-size=192']),
    );
    expect(
      hostFlags('/app/out/main/job-host.cjs', 2 ** 27, false).filter(
        (flag) => flag.startsWith('--allow') && !flag.startsWith('--allow-fs-read='),
      ),
    ).toEqual([]);
  });
});
