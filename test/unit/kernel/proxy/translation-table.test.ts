import { describe, expect, it } from 'vitest';
import { formatGlobalAddress, type GlobalAddress, type LeaseId } from '../../../../main/kernel/leases/index.ts';
import type { TableEntry } from '../../../../main/kernel/proxy/index.ts';
import { createTranslationTable } from '../../../../main/kernel/proxy/translation-table.ts';
import { createManualClock } from '../../../support/manual-clock.ts';

const addressOf = (number: number): GlobalAddress => {
  const bytes = new Uint8Array(16);
  bytes[0] = 0xfd;
  new DataView(bytes.buffer).setUint32(12, number);
  return formatGlobalAddress(bytes);
};
const LEASE = `lease-${'1'.repeat(32)}` as LeaseId;
const row = (number: number, change: Partial<Omit<TableEntry, 'counters'>> = {}): Omit<TableEntry, 'counters'> => ({
  address: addressOf(number),
  protocol: 'tcp',
  port: 80,
  target: { kind: 'socket', host: 'localhost', port: 80 },
  terms: {
    privacyLevel: 'P2P',
    privacyNames: [],
    allocationType: 'Public',
    proxy: { relaysAllowed: true, exitAllowed: false },
  },
  lease: null,
  expiresAtMs: null,
  idleMs: null,
  ...change,
});

describe('the translation table', () => {
  it('finds by address, protocol and port, and nothing else', () => {
    const table = createTranslationTable({ clock: createManualClock() });
    const entry = table.add(row(1));
    expect(table.find(addressOf(1), 'tcp', 80)).toBe(entry);
    for (const [number, protocol, port] of [
      [2, 'tcp', 80],
      [1, 'udp', 80],
      [1, 'tcp', 81],
    ] as const)
      expect(table.find(addressOf(number), protocol, port)).toBeNull();
    expect(() => table.add(row(1))).toThrow(expect.objectContaining({ code: 'ADDRESS_TAKEN' }) as Error);
    expect(table.remove(addressOf(1), 'tcp', 80)).toBe(true);
    expect(table.remove(addressOf(1), 'tcp', 80)).toBe(false);
    table.stop();
  });

  it('is bounded', () => {
    const table = createTranslationTable({ clock: createManualClock() }, { max: 3 });
    for (let number = 0; number < 3; number++) table.add(row(number));
    expect(() => table.add(row(3))).toThrow(expect.objectContaining({ code: 'TABLE_FULL', data: { max: 3 } }) as Error);
    table.remove(addressOf(0), 'tcp', 80);
    table.add(row(3));
    expect(table.size).toBe(3);
    table.stop();
  });

  it('lets rows die with their time, their lease and their silence, and says so', async () => {
    const clock = createManualClock();
    const table = createTranslationTable({ clock });
    const gone: GlobalAddress[] = [];
    table.on('removed', ({ address }) => gone.push(address));
    table.add(row(1, { expiresAtMs: clock.nowMs() + 1_000 }));
    table.add(row(2, { lease: LEASE }));
    table.add(row(3, { lease: LEASE, port: 81 }));
    const silent = table.add(row(4, { idleMs: 7_000 }));
    const busy = table.add(row(5, { idleMs: 7_000 }));
    busy.counters.connectionsNow = 1;
    await clock.advance(1_000);
    expect(table.find(addressOf(1), 'tcp', 80)).toBeNull();
    expect(table.removeLease(LEASE)).toBe(2);
    expect(table.removeLease(LEASE)).toBe(0);
    silent.counters.usedAtMs = clock.nowMs();
    await clock.advance(5_000);
    expect(table.find(addressOf(4), 'tcp', 80)).toBe(silent);
    await clock.advance(5_000);
    expect(gone).toEqual([addressOf(1), addressOf(2), addressOf(3), addressOf(4)]);
    expect(table.entries()).toEqual([busy]);
    table.stop();
    expect(clock.pendingCount).toBe(0);
  });

  it('finds one of ten thousand in far less than a millisecond', () => {
    const table = createTranslationTable({ clock: createManualClock() });
    for (let number = 0; number < 10_000; number++) table.add(row(number));
    const addresses = Array.from({ length: 10_000 }, (_, number) => addressOf((number * 7919) % 10_000));
    const begin = performance.now();
    for (const address of addresses) expect(table.find(address, 'tcp', 80)).not.toBeNull();
    expect((performance.now() - begin) / addresses.length).toBeLessThan(1);
    table.stop();
  });
});
