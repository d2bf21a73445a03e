import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GpuSources, mergeGpus, parseRocmCards } from '../../../../../main/kernel/assets/adapters/gpu.ts';
import { parseNvidiaCards } from '../../../../../main/kernel/monitor/gpu-cards.ts';
import { known, unknown } from '../../../../../main/kernel/monitor/index.ts';

const silent = unknown('the driver does not tell');
const none: GpuSources = { drm: [], nvidia: [], facts: [], rocm: new Map(), probed: [] };
const drm = (pciAddress: string, vendorId: string, driver: string): GpuSources['drm'][number] => ({
  name: 'card0',
  pciAddress,
  vendorId,
  deviceId: '0x2503',
  driver,
  memoryTotalBytes: silent,
  memoryUsedBytes: silent,
  usedPercent: silent,
  temperatureCelsius: silent,
});
const controller = (busAddress: string, model: string): GpuSources['facts'][number] => ({
  vendor: 'NVIDIA Corporation',
  model,
  bus: 'PCI',
  busAddress,
  vram: 256,
  vramDynamic: false,
});
const probed = (vendor: string, software = false): GpuSources['probed'][number] => ({
  vendor,
  architecture: software ? 'swiftshader' : 'ampere',
  device: '',
  description: '',
  software,
  bufferBytesMax: 1,
  features: [],
});
const nvidia = parseNvidiaCards('00000000:01:00.0, NVIDIA GeForce RTX 3060, 550.90.07, 12288, 512, 37, 61\n');

describe('mergeGpus', () => {
  it('makes one card of what four sources say of it', () => {
    const merged = mergeGpus({
      ...none,
      drm: [drm('0000:01:00.0', '0x10de', 'nvidia')],
      nvidia,
      facts: [controller('01:00.0', 'GA106 [GeForce RTX 3060]')],
      probed: [probed('nvidia')],
    });
    expect(merged).toHaveLength(1);
    expect(merged[0]).toMatchObject({
      slug: '0000-01-00.0',
      model: 'NVIDIA GeForce RTX 3060',
      vendor: known('NVIDIA'),
      memoryBytes: known(12288 * 1048576),
      apis: ['cuda', 'webgpu'],
      software: false,
      temperatureCelsius: known(61),
    });
  });
  it('names a card by lspci where its maker has no tool, and does not take the bus window for its memory', () => {
    const [card] = mergeGpus({
      ...none,
      drm: [drm('0000:00:02.0', '0x8086', 'i915')],
      facts: [controller('00:02.0', 'UHD Graphics 630')],
    });
    expect(card).toMatchObject({ model: 'UHD Graphics 630', slug: '0000-00-02.0', memoryBytes: { known: false } });
  });
  it('keeps emulated cards apart', () => {
    const merged = mergeGpus({
      ...none,
      drm: [drm('0000:00:02.0', '0x1234', 'bochs-drm')],
      probed: [probed('google', true)],
    });
    expect(merged.map((card) => card.software)).toEqual([true, true]);
    expect(merged[1]).toMatchObject({ slug: 'google-swiftshader', pciAddress: { known: false } });
  });
  it('does not count a card of another maker as the one that WebGPU found', () => {
    expect(mergeGpus({ ...none, nvidia, probed: [probed('amd')] }).map((card) => card.slug)).toEqual([
      '0000-01-00.0',
      'amd-ampere',
    ]);
  });
  it('gives every card a slug of its own', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('amd', 'nvidia', ''), { maxLength: 6 }), (vendors) => {
        const slugs = mergeGpus({ ...none, probed: vendors.map((vendor) => probed(vendor)) }).map((card) => card.slug);
        expect(new Set(slugs).size).toBe(slugs.length);
      }),
    );
  });
});

describe('parseRocmCards', () => {
  it('reads names by address', () => {
    expect([
      ...parseRocmCards(
        '{"card0": {"PCI Bus": "0000:03:00.0", "Card Series": "Radeon RX 6800"}, "system": {"Driver version": "6.2"}}',
      ),
    ]).toEqual([['0000:03:00.0', 'Radeon RX 6800']]);
  });
  it('never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseRocmCards(text)));
  });
});
