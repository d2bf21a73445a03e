import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  parseCpuTicks,
  parseDiskstats,
  parseMeminfo,
  parseNetDev,
  parseProcessStat,
  parseStatusBytes,
} from '../../../../main/kernel/monitor/linux/proc.ts';
import { programOfCmdline } from '../../../../main/kernel/monitor/linux/processes.ts';
import { parseDefaultRoutesV4, parseDefaultRoutesV6 } from '../../../../main/kernel/monitor/linux/routes.ts';

describe('parseCpuTicks', () => {
  it('adds up what is busy, guests not twice, stolen time included', () => {
    const text =
      'cpu  100 1 50 800 20 3 4 2 60 0\ncpu0 60 1 30 400 10 2 2 1 60 0\ncpu1 40 0 20 400 10 1 2 1 0 0\nintr 5 1 2\nctxt 7\n';
    const parsed = parseCpuTicks(text);
    expect(parsed?.all).toEqual({ busy: 160, total: 980 });
    expect(parsed?.threads).toEqual([
      { busy: 96, total: 506 },
      { busy: 64, total: 474 },
    ]);
  });
  it('reads what an old kernel with four columns writes', () => {
    expect(parseCpuTicks('cpu 1 2 3 4\n')?.all).toEqual({ busy: 6, total: 10 });
  });
  it.each(['', 'cpu', 'cpu a b c d', 'cpu 1 2', 'cpu0 1 2 3 4', 'cpu 99999999999999999999 1 2 3', '\0\0\0'])(
    'refuses %j',
    (text) => {
      expect(parseCpuTicks(text)).toBeNull();
    },
  );
  it.runIf(process.platform === 'linux')('reads this machine', () => {
    expect(parseCpuTicks(readFileSync('/proc/stat', 'utf8'))?.threads.length).toBeGreaterThan(0);
  });
});

describe('parseMeminfo', () => {
  it('gives bytes and leaves out what is not in kB', () => {
    const found = parseMeminfo(
      'MemTotal:       24684092 kB\nActive(anon):      12 kB\nHugePages_Total:       0\nbroken\nMemFree: -3 kB\n',
    );
    expect([...found]).toEqual([
      ['MemTotal', 25276510208],
      ['Active(anon)', 12288],
    ]);
  });
  it('reads the form of a NUMA node', () => {
    expect(parseMeminfo('Node 0 MemTotal:        6121684 kB\nNode 0 MemFree: 1 kB').get('MemTotal')).toBe(
      6121684 * 1024,
    );
  });
});

describe('parseNetDev', () => {
  it('takes the first and the ninth column', () => {
    const text =
      'Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs\n    lo: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\neth0:784699318 1 0 0 0 0 0 0 1444090 1 0 0 0 0 0 0\n bad: 1 2\n';
    expect([...parseNetDev(text)]).toEqual([
      ['lo', { inBytes: 10, outBytes: 20 }],
      ['eth0', { inBytes: 784699318, outBytes: 1444090 }],
    ]);
  });
});

describe('parseDiskstats', () => {
  it('counts sectors of 512 bytes', () => {
    const text =
      ' 254       0 vda 87321 29781 3924242 24042 29628 80609 5674656 29663 0 15188 55385 11899 86 477072 1452 4203 226\n   7 0 loop0 0 0\n';
    expect([...parseDiskstats(text)]).toEqual([['vda', { inBytes: 3924242 * 512, outBytes: 5674656 * 512 }]]);
  });
});

describe('parseProcessStat', () => {
  const stat = '4321 (a) b (c) S 12 4321 4321 0 -1 4194304 100 0 0 0 250 150 0 0 20 0 11 0 98765 1 2';
  it('is not misled by brackets in the name', () => {
    expect(parseProcessStat(stat)).toEqual({ pid: 4321, parentPid: 12, ticks: 400, startedTicks: 98765 });
  });
  it.each(['', '1 (x', '1 (x) S', 'x (y) S 1', stat.replace('250', 'NaN')])('refuses %j', (text) => {
    expect(parseProcessStat(text)).toBeNull();
  });
});

it('reads one line of a status file', () => {
  expect(parseStatusBytes('Name:\tnode\nRssAnon:\t   3456 kB\nRssFile:\t 1 kB\n', 'RssAnon')).toBe(3456 * 1024);
  expect(parseStatusBytes('Name:\tkthreadd\n', 'RssAnon')).toBeNull();
});

it.each([
  ['/usr/bin/python3\0game.py\0', 'python3'],
  ['C:\\Games\\Chess\\chess.exe\0', 'chess.exe'],
  ['', null],
  ['\0', null],
])('names the program of %j', (cmdline, name) => {
  expect(programOfCmdline(cmdline)).toBe(name);
});

describe('default routes', () => {
  const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
  it('finds those of IPv4', () => {
    expect(
      parseDefaultRoutesV4(
        `${head}eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\nwlan0\t00000000\t0\t0003\t0\t0\t600\t00000000\t0\t0\t0\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n`,
      ),
    ).toEqual([
      { name: 'eth0', metric: 100 },
      { name: 'wlan0', metric: 600 },
    ]);
  });
  it('leaves out unreachable ones, and the /0 that tunnels split in two', () => {
    expect(
      parseDefaultRoutesV4(
        `${head}*\t00000000\t0\t0201\t0\t0\t0\t00000000\t0\t0\t0\ntun0\t00000000\t0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n`,
      ),
    ).toEqual([]);
  });
  it('finds those of IPv6', () => {
    const zero = '0'.repeat(32);
    expect(
      parseDefaultRoutesV6(
        `${zero} 00 ${zero} 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo\n`,
      ),
    ).toEqual([{ name: 'eth0', metric: 1024 }]);
  });
});
