import { mkdir, symlink } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { listDrmCards, normalizePciAddress, parseNvidiaCards } from '../../../../main/kernel/monitor/gpu-cards.ts';
import { readPower } from '../../../../main/kernel/monitor/linux/power.ts';
import { readCpuTemperature } from '../../../../main/kernel/monitor/linux/temperature.ts';
import { parseBusctlMetered, parseMeteredWord, parseNmcliDevices } from '../../../../main/kernel/monitor/metered.ts';
import { runTool } from '../../../../main/kernel/monitor/tool.ts';
import { createTree } from './fixture-tree.ts';

describe('readCpuTemperature', () => {
  it('takes the package of an Intel processor, not its hottest core', async () => {
    const { path } = await createTree({
      'class/hwmon/hwmon0/name': 'nvme\n',
      'class/hwmon/hwmon0/temp1_input': '70000\n',
      'class/hwmon/hwmon3/name': 'coretemp\n',
      'class/hwmon/hwmon3/temp1_label': 'Package id 0\n',
      'class/hwmon/hwmon3/temp1_input': '52000\n',
      'class/hwmon/hwmon3/temp2_label': 'Core 0\n',
      'class/hwmon/hwmon3/temp2_input': '60000\n',
    });
    expect(await readCpuTemperature(path)).toEqual({ known: true, value: 52 });
  });
  it('takes the hottest sensor where none is labelled', async () => {
    const { path } = await createTree({
      'class/hwmon/hwmon0/name': 'cpu_thermal\n',
      'class/hwmon/hwmon0/temp1_input': '41500\n',
      'class/hwmon/hwmon0/temp2_input': '43250\n',
    });
    expect(await readCpuTemperature(path)).toEqual({ known: true, value: 43.25 });
  });
  it('falls back to a thermal zone', async () => {
    const { path } = await createTree({
      'class/thermal/thermal_zone0/type': 'iwlwifi_1\n',
      'class/thermal/thermal_zone0/temp': '90000\n',
      'class/thermal/thermal_zone1/type': 'x86_pkg_temp\n',
      'class/thermal/thermal_zone1/temp': '47000\n',
    });
    expect(await readCpuTemperature(path)).toEqual({ known: true, value: 47 });
  });
  it.each(['0\n', '-128000\n', '999000\n', 'n/a', '', '4e4'])('takes %j for a broken sensor', async (text) => {
    const { path } = await createTree({
      'class/hwmon/hwmon0/name': 'k10temp\n',
      'class/hwmon/hwmon0/temp1_input': text,
    });
    expect(await readCpuTemperature(path)).toEqual({
      known: false,
      reason: expect.stringContaining('no processor temperature sensor'),
    });
  });
  it('says so when there is none', async () => {
    const { path } = await createTree({});
    expect((await readCpuTemperature(path)).known).toBe(false);
  });
});

describe('readPower', () => {
  const battery = { 'class/power_supply/BAT0/type': 'Battery\n', 'class/power_supply/BAT0/present': '1\n' };
  const cases: [string, Record<string, string>, unknown, unknown][] = [
    ['no battery', { 'class/power_supply/.keep': '' }, { known: true, value: false }, { known: true, value: false }],
    [
      'a mouse',
      {
        'class/power_supply/hidpp/type': 'Battery\n',
        'class/power_supply/hidpp/scope': 'Device\n',
        'class/power_supply/hidpp/status': 'Discharging\n',
      },
      { known: true, value: false },
      { known: true, value: false },
    ],
    [
      'plugged in',
      {
        ...battery,
        'class/power_supply/BAT0/status': 'Discharging\n',
        'class/power_supply/AC/type': 'Mains\n',
        'class/power_supply/AC/online': '1\n',
      },
      { known: true, value: true },
      { known: true, value: false },
    ],
    [
      'unplugged',
      {
        ...battery,
        'class/power_supply/BAT0/status': 'Discharging\n',
        'class/power_supply/AC/type': 'Mains\n',
        'class/power_supply/AC/online': '0\n',
      },
      { known: true, value: true },
      { known: true, value: true },
    ],
    [
      'no mains entry',
      { ...battery, 'class/power_supply/BAT0/status': 'Charging\n' },
      { known: true, value: true },
      { known: true, value: false },
    ],
    [
      'a battery that says nothing',
      { ...battery, 'class/power_supply/BAT0/status': 'Unknown\n' },
      { known: true, value: true },
      { known: false, reason: expect.any(String) },
    ],
    ['no such folder', {}, { known: false, reason: expect.any(String) }, { known: false, reason: expect.any(String) }],
  ];
  it.each(cases)('%s', async (_name, files, hasBattery, onBattery) => {
    const { path } = await createTree(files);
    expect(await readPower(path)).toEqual({ battery: hasBattery, onBattery });
  });
});

describe('metered', () => {
  it('reads nmcli', () => {
    expect([
      ...parseNmcliDevices(
        'GENERAL.DEVICE:wlp3s0\nGENERAL.METERED:yes (guessed)\n\nGENERAL.DEVICE:eth0\nGENERAL.METERED:no\n\nGENERAL.DEVICE:lo\nGENERAL.METERED:unknown\n',
      ),
    ]).toEqual([
      ['wlp3s0', { known: true, value: true }],
      ['eth0', { known: true, value: false }],
      ['lo', { known: false, reason: expect.any(String) }],
    ]);
  });
  it('reads the bus', () => {
    expect(['u 1', 'u 2', 'u 3', 'u 4\n'].map(parseBusctlMetered)).toEqual(
      [true, false, true, false].map((value) => ({ known: true, value })),
    );
    expect(['u 0', 'u 5', '', 's "yes"'].every((text) => !parseBusctlMetered(text).known)).toBe(true);
    expect(parseMeteredWord('ja').known).toBe(false);
  });
});

describe('parseNvidiaCards', () => {
  it('reads two cards, one of which tells little', () => {
    const text =
      '00000000:01:00.0, NVIDIA GeForce RTX 3060, 550.90.07, 12288, 512, 37, 61\n00000000:0A:00.0, Quadro K600, 470.1, 1024, [N/A], [Not Supported], 0\n';
    const [first, second] = parseNvidiaCards(text);
    expect(first).toEqual({
      pciAddress: '0000:01:00.0',
      name: 'NVIDIA GeForce RTX 3060',
      driver: { known: true, value: '550.90.07' },
      memoryTotalBytes: { known: true, value: 12288 * 1048576 },
      memoryUsedBytes: { known: true, value: 512 * 1048576 },
      usedPercent: { known: true, value: 37 },
      temperatureCelsius: { known: true, value: 61 },
    });
    expect([
      second?.pciAddress,
      second?.memoryUsedBytes.known,
      second?.usedPercent.known,
      second?.temperatureCelsius.known,
    ]).toEqual(['0000:0a:00.0', false, false, false]);
  });
  it('leaves out what is no card', () => {
    expect(
      parseNvidiaCards("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n\n1, 2, 3"),
    ).toEqual([]);
  });
});

it.each(['', '01:00', '1:00.0', '01:00.8', '0000:01:00.0 VGA'])('takes %j for no PCI address', (text) => {
  expect(normalizePciAddress(text)).toBeNull();
});

it('reads an AMD card from the kernel', async () => {
  const device = 'devices/pci0000:00/0000:03:00.0';
  const { path } = await createTree({
    [`${device}/vendor`]: '0x1002\n',
    [`${device}/device`]: '0x73bf\n',
    [`${device}/mem_info_vram_total`]: '17163091968\n',
    [`${device}/mem_info_vram_used`]: '1048576\n',
    [`${device}/gpu_busy_percent`]: '12\n',
    [`${device}/hwmon/hwmon4/temp1_input`]: '55000\n',
    'bus/pci/drivers/amdgpu/.keep': '',
    'class/drm/version': 'drm 1.1.0\n',
    'class/drm/card1-DP-1/status': 'connected\n',
  });
  await symlink(`${path}/bus/pci/drivers/amdgpu`, `${path}/${device}/driver`);
  await mkdir(`${path}/class/drm/card1`);
  await symlink(`${path}/${device}`, `${path}/class/drm/card1/device`);
  expect(await listDrmCards(path)).toEqual([
    {
      name: 'card1',
      pciAddress: '0000:03:00.0',
      vendorId: '0x1002',
      deviceId: '0x73bf',
      driver: 'amdgpu',
      memoryTotalBytes: { known: true, value: 17163091968 },
      memoryUsedBytes: { known: true, value: 1048576 },
      usedPercent: { known: true, value: 12 },
      temperatureCelsius: { known: true, value: 55 },
    },
  ]);
});

describe.runIf(process.platform !== 'win32')('runTool', () => {
  it('answers with the output', async () => {
    expect(await runTool('echo', ['a', 'b'])).toEqual({ status: 'ok', output: 'a b\n' });
  });
  it('tells a missing program from a failing one', async () => {
    expect(await runTool('hypermesh-no-such-program', [])).toEqual({ status: 'missing' });
    expect(await runTool('ls', ['/hypermesh/no/such/file'])).toEqual({
      status: 'failed',
      message: expect.stringContaining('/hypermesh/no/such/file'),
    });
  });
  it('ends when told to', async () => {
    const abort = new AbortController();
    const asked = runTool('sleep', ['30'], abort.signal);
    abort.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
  });
});
