import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCbor, type JobId } from '../../../../../../main/base/index.ts';
import { endByCode } from '../../../../../../main/kernel/runtime/drivers/container/container-end.ts';
import { countedOf, groupsOf } from '../../../../../../main/kernel/runtime/drivers/container/counters.ts';
import { type EngineNames, namesOf } from '../../../../../../main/kernel/runtime/drivers/container/names.ts';
import { createDemultiplexer, skipTold } from '../../../../../../main/kernel/runtime/drivers/container/output.ts';
import { abilitiesOf } from '../../../../../../main/kernel/runtime/drivers/container/prepare-container.ts';
import { decodeRecord, encodeRecord } from '../../../../../../main/kernel/runtime/drivers/container/record.ts';
import { type ContainerSpec, jobSpec } from '../../../../../../preload/contract/index.ts';

const JOB = 'job-0123456789abcdef' as JobId;
const frame = (stream: number, bytes: Uint8Array): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
};

describe('the output of a container', () => {
  it('is taken apart whatever pieces it comes in', () => {
    const streams = fc.array(fc.tuple(fc.constantFrom(0, 1, 2), fc.uint8Array({ maxLength: 50 })), { maxLength: 20 });
    fc.assert(
      fc.property(
        streams,
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 50 }),
        (frames, cuts) => {
          const whole = Buffer.concat(frames.map(([stream, bytes]) => frame(stream, bytes)));
          const told: Record<string, number[]> = { stdout: [], stderr: [] };
          const reader = createDemultiplexer((stream, bytes) => told[stream]!.push(...bytes));
          for (let at = 0, turn = 0; at < whole.length; turn++) {
            const length = cuts[turn % cuts.length]!;
            reader.push(whole.subarray(at, at + length));
            at += length;
          }
          const of = (number: number): number[] =>
            frames.filter(([stream]) => stream === number).flatMap(([, bytes]) => [...bytes]);
          expect(told).toEqual({ stdout: of(1), stderr: of(2) });
        },
      ),
    );
  });

  it('is refused when it is no such stream', () => {
    const reader = (): ReturnType<typeof createDemultiplexer> => createDemultiplexer(() => undefined);
    expect(() => reader().push(Buffer.from('HTTP/1.1 400'))).toThrow('no frames');
    expect(() => reader().push(Buffer.from([1, 0, 0, 0, 255, 255, 255, 255]))).toThrow('no frames');
  });

  it('is told once by streams of which a part was told before', () => {
    const told: string[] = [];
    const skip = skipTold({ stdout: 4, stderr: 0 }, (stream, bytes) =>
      told.push(`${stream} ${Buffer.from(bytes).toString()}`),
    );
    skip('stdout', Buffer.from('ab'));
    skip('stderr', Buffer.from('x'));
    skip('stdout', Buffer.from('cdef'));
    expect(told).toEqual(['stderr x', 'stdout ef']);
  });
});

describe('the record of a container', () => {
  it('gives back the names that it was made from', () => {
    expect(decodeRecord(encodeRecord(namesOf(JOB)))).toEqual(namesOf(JOB));
  });

  it('has the bytes that its page says', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../../../vectors/engine-objects/records.json'), 'utf8');
    const { records } = JSON.parse(text) as { records: { names: EngineNames; record: string }[] };
    expect(records).toHaveLength(2);
    for (const { names, record } of records) {
      expect(Buffer.from(encodeRecord(names)).toString('hex')).toBe(record);
      expect(decodeRecord(Buffer.from(record, 'hex'))).toEqual(names);
    }
  });

  it('is null for whatever else lies there', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeRecord(bytes) === null));
    const good = { version: 1, ...namesOf(JOB) };
    for (const change of [
      { version: 2 },
      { container: '../etc' },
      { container: 'someone-elses' },
      { holder: 7 },
      { volume: `hypermesh-${'x'.repeat(100)}` },
      { holderJob: 'job-1' },
    ])
      expect(decodeRecord(encodeCbor({ ...good, ...change }))).toBeNull();
  });
});

describe('what is counted of a container', () => {
  it('is read of groups that are its own only', () => {
    const id = 'f'.repeat(64);
    const groups = groupsOf(
      `4:cpu,cpuacct:/docker/${id}\n3:memory:/docker/other\n2:pids:/docker/${id}/../x\n0::/system/${id}\n`,
      id,
    );
    expect([...groups]).toEqual([
      ['cpu', `/docker/${id}`],
      ['cpuacct', `/docker/${id}`],
      ['', `/system/${id}`],
    ]);
  });

  it('is taken from any answer of an engine without a crash', () => {
    fc.assert(
      fc.property(fc.anything(), (stats) => {
        for (const value of Object.values(countedOf(stats))) expect(value === null || value >= 0).toBe(true);
      }),
    );
    expect(
      countedOf({
        cpu_stats: { cpu_usage: { total_usage: 5e6 }, throttling_data: { throttled_time: 1e6 } },
        memory_stats: { usage: 100, max_usage: 120, stats: { total_inactive_file: 40 } },
        pids_stats: { current: 3 },
        blkio_stats: {
          io_service_bytes_recursive: [
            { op: 'Read', value: 7 },
            { op: 'Write', value: 8 },
            { op: 'read', value: 1 },
          ],
        },
      }),
    ).toMatchObject({
      cpuMs: 5,
      throttledMs: 1,
      memoryBytesNow: 60,
      memoryBytesPeak: 120,
      pids: 3,
      readBytes: 8,
      writtenBytes: 8,
    });
  });
});

describe('how a container ended', () => {
  const spec = jobSpec.parse({ kind: 'container', name: 'a', image: 'a', pidsMax: 9 }) as ContainerSpec;
  const quiet = { signalled: null, isOutOfMemory: false, isStoppedOutside: false, forksRefused: 0 };
  it.each([
    ['by itself', 3, {}, { why: 'exited', exitCode: 3 }],
    ['after TERM of ours, as it likes', 0, { signalled: 'SIGTERM' as const }, { why: 'exited', exitCode: 0 }],
    ['by KILL of ours', 137, { signalled: 'SIGKILL' as const }, null],
    ['by the system, out of memory', 137, { isOutOfMemory: true }, { why: 'limit', limit: 'memory' }],
    ['well, though a child of it ran out of memory', 0, { isOutOfMemory: true }, { why: 'exited', exitCode: 0 }],
    ['after forks were refused', 1, { forksRefused: 3 }, { why: 'limit', limit: 'processes' }],
    ['well, though forks were refused', 0, { forksRefused: 3 }, { why: 'exited', exitCode: 0 }],
    ['by somebody else', 0, { isStoppedOutside: true }, { why: 'lost' }],
  ])('%s', (_, exitCode, noticed, end) => {
    const found = endByCode(spec, exitCode, { ...quiet, ...noticed });
    expect(found === null ? null : { ...found, ...end }).toEqual(found);
    expect(found === null).toBe(end === null);
  });
});

describe('what an engine can', () => {
  it('is told in one sentence where it cannot hold a job', () => {
    expect(abilitiesOf({}, false)).toEqual({ problem: '', gpu: false, init: false });
    expect(abilitiesOf({ CpuCfsQuota: false, MemoryLimit: false, PidsLimit: true }, false).problem).toBe(
      'The container engine cannot hold a job to a share of the processor, nor to memory; let it use cgroup v2 with these controllers, or run it as root.',
    );
    expect(abilitiesOf({ Runtimes: { runc: {}, nvidia: {} } }, true)).toMatchObject({ gpu: true, init: true });
    expect(abilitiesOf({ DiscoveredDevices: [{ Source: 'cdi', ID: 'nvidia.com/gpu=0' }, null] }, true).gpu).toBe(true);
    expect(abilitiesOf(null, false).problem).toBe('');
  });
});
