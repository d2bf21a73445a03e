import type { Logger, WorkerPool } from '../../../base/index.ts';
import type { Inventory, Reading } from '../../../../preload/contract/index.ts';
import {
  type DrmCard,
  gpuSlug,
  known,
  knownText,
  listDrmCards,
  mapReading,
  type Monitor,
  type NvidiaCard,
  normalizePciAddress,
  readNvidiaCards,
  runTool,
  unknown,
} from '../../monitor/index.ts';
import type { AssetAdapter } from '../interface.ts';
import { MILLICARDS_PER_GPU } from './constants.ts';
import { askFact } from './facts.ts';
import type { Facts } from './facts-task.ts';
import type { GpuProbe, ProbedGpu } from './gpu-probe.ts';

type GpuList = Inventory['gpus'];
export type Gpu = Extract<GpuList, { known: true }>['value'][number];

export interface GpuAdapterComponents {
  logger: Logger;
  monitor: Monitor;
  gpuProbe: GpuProbe | null;
  workers?: WorkerPool | undefined;
}

/** PCI vendors of graphics cards (pci-ids.ucw.cz). */
const VENDORS: Readonly<Record<string, string>> = {
  '0x10de': 'NVIDIA',
  '0x1002': 'AMD',
  '0x8086': 'Intel',
  '0x1af4': 'Red Hat',
  '0x15ad': 'VMware',
  '0x1234': 'QEMU',
  '0x80ee': 'VirtualBox',
  '0x1414': 'Microsoft',
  '0x1a03': 'ASPEED',
  '0x102b': 'Matrox',
};
/** Drivers of displays that hypervisors and boards emulate: a picture, but nothing that computes. */
const EMULATED_DRIVERS = new Set([
  'bochs-drm',
  'cirrus',
  'cirrus-qemu',
  'qxl',
  'vboxvideo',
  'simpledrm',
  'simple-framebuffer',
  'vkms',
  'vgem',
  'hyperv_drm',
  'virtio-pci',
  'virtio_gpu',
  'vmwgfx',
  'ast',
  'mgag200',
]);

/** What each source said; the parts that a source could not be asked for are empty. */
export interface GpuSources {
  drm: DrmCard[];
  nvidia: NvidiaCard[];
  facts: Facts['graphics']['controllers'];
  /** Product names by PCI address, from rocm-smi. */
  rocm: Map<string, string>;
  probed: ProbedGpu[];
}

/** `rocm-smi --showproductname --showbus --json`: an object per card. Names of fields changed between versions. */
export const parseRocmCards = (text: string): Map<string, string> => {
  const found = new Map<string, string>();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return found;
  }
  if (typeof parsed !== 'object' || parsed === null) return found;
  for (const card of Object.values(parsed)) {
    if (typeof card !== 'object' || card === null) continue;
    const fields = new Map(Object.entries(card).map(([name, value]) => [name.toLowerCase(), value]));
    const bus = fields.get('pci bus');
    const name = fields.get('card series') ?? fields.get('card model');
    const address = typeof bus === 'string' ? normalizePciAddress(bus) : null;
    if (address !== null && typeof name === 'string' && name.trim() !== '') found.set(address, name.trim());
  }
  return found;
};

const NO_HEAT = 'this card does not tell its temperature';

/**
 * Makes one list of what the sources said, by PCI address where there is one. What WebGPU found is matched by maker,
 * since browsers hide the rest; what matches nothing is a card of its own.
 */
export const mergeGpus = (sources: GpuSources): Gpu[] => {
  const byAddress = new Map<string, Gpu>();
  const others: Gpu[] = [];
  for (const card of sources.drm) {
    const maker = VENDORS[card.vendorId];
    const model =
      (card.pciAddress === null ? undefined : sources.rocm.get(card.pciAddress)) ??
      `${maker ?? 'Graphics card'} ${card.deviceId || card.name}`;
    const gpu: Gpu = {
      slug: gpuSlug(card.pciAddress, `${card.driver ?? 'drm'}-${card.name}`),
      model,
      vendor: maker === undefined ? unknown('the maker of this card is not one that is known here') : known(maker),
      memoryBytes: card.memoryTotalBytes,
      driver: card.driver === null ? unknown('no driver is loaded for this card') : known(card.driver),
      pciAddress: card.pciAddress === null ? unknown('this card is not on a PCI bus') : known(card.pciAddress),
      apis: card.pciAddress !== null && sources.rocm.has(card.pciAddress) ? ['rocm'] : [],
      software: card.driver !== null && EMULATED_DRIVERS.has(card.driver),
      temperatureCelsius: card.temperatureCelsius,
    };
    if (card.pciAddress === null) others.push(gpu);
    else byAddress.set(card.pciAddress, gpu);
  }
  for (const card of sources.nvidia) {
    const before = byAddress.get(card.pciAddress);
    byAddress.set(card.pciAddress, {
      slug: gpuSlug(card.pciAddress, card.name),
      model: card.name,
      vendor: known('NVIDIA'),
      memoryBytes: card.memoryTotalBytes,
      driver: mapReading(card.driver, (version) => `nvidia ${version}`),
      pciAddress: known(card.pciAddress),
      apis: [...(before?.apis ?? []), 'cuda'],
      software: false,
      temperatureCelsius: card.temperatureCelsius,
    });
  }
  for (const controller of sources.facts) {
    const address = normalizePciAddress(controller.busAddress ?? '') ?? normalizePciAddress(controller.pciBus ?? '');
    const before = address === null ? undefined : byAddress.get(address);
    const name = knownText(controller.model, 'the system does not tell the model');
    if (before !== undefined) {
      // lspci knows names for numbers; the vendors' own tools know better ones.
      if (name.known && !before.apis.includes('cuda') && !before.apis.includes('rocm')) before.model = name.value;
      continue;
    }
    if (!name.known) continue;
    const gpu: Gpu = {
      slug: gpuSlug(address, name.value),
      model: name.value,
      vendor: knownText(controller.vendor, 'the system does not tell the maker'),
      // Elsewhere systeminformation asks the driver; on Linux its figure is the window on the bus and not the memory.
      memoryBytes:
        process.platform !== 'linux' &&
        typeof controller.vram === 'number' &&
        controller.vram > 0 &&
        !controller.vramDynamic
          ? known(controller.vram * 1024 * 1024)
          : unknown('the system does not tell how much memory this card has'),
      driver: knownText(controller.driverVersion, 'no driver is loaded for this card, or it does not tell its version'),
      pciAddress: address === null ? unknown('the system does not tell the bus address of this card') : known(address),
      apis: [],
      software: /basic (display|render)|remote display|parallels|vmware|virtualbox|qxl|cirrus/i.test(name.value),
      temperatureCelsius: unknown(NO_HEAT),
    };
    if (address === null) others.push(gpu);
    else byAddress.set(address, gpu);
  }
  const all = [...byAddress.values(), ...others];
  for (const probed of sources.probed) {
    const hardware = all.filter((gpu) => !gpu.software);
    const sameMaker = hardware.filter(
      (gpu) =>
        gpu.vendor.known &&
        probed.vendor !== '' &&
        gpu.vendor.value.toLowerCase().includes(probed.vendor.toLowerCase()) &&
        !gpu.apis.includes('webgpu'),
    );
    const match = probed.software
      ? undefined
      : (sameMaker[0] ?? (hardware.length === 1 && probed.vendor === '' ? hardware[0] : undefined));
    if (match !== undefined) {
      if (!match.apis.includes('webgpu')) match.apis.push('webgpu');
      continue;
    }
    const model =
      [probed.description, probed.device, `${probed.vendor} ${probed.architecture}`]
        .map((text) => text.trim())
        .find((text) => text !== '') ?? (probed.software ? 'Software renderer' : 'Graphics card');
    all.push({
      slug: gpuSlug(null, model),
      model,
      vendor: knownText(probed.vendor, 'the browser engine hides the maker of this card'),
      memoryBytes: unknown(
        probed.software
          ? 'it uses the memory of the processor'
          : 'the browser engine does not tell how much memory this card has',
      ),
      driver: unknown('the browser engine does not tell the driver of this card'),
      pciAddress: unknown(
        probed.software
          ? 'it is a program and sits on no bus'
          : 'the browser engine does not tell the bus address of this card',
      ),
      apis: ['webgpu'],
      software: probed.software,
      temperatureCelsius: unknown(probed.software ? 'it is a program and has no temperature of its own' : NO_HEAT),
    });
  }
  return withUniqueSlugs(all);
};

/** Two cards of one model without addresses get a number behind the slug. */
const withUniqueSlugs = (gpus: Gpu[]): Gpu[] => {
  const seen = new Map<string, number>();
  return gpus.map((gpu) => {
    const count = (seen.get(gpu.slug) ?? 0) + 1;
    seen.set(gpu.slug, count);
    // 60 and a number stay within the 64 characters of a slug.
    return count === 1 ? gpu : { ...gpu, slug: `${gpu.slug.slice(0, 60)}-${count}` };
  });
};

/** Capacity: 1000 millicards for each real card; emulated ones are listed and not lent. */
export const createGpuAdapter = (components: GpuAdapterComponents): AssetAdapter<GpuList> => ({
  kind: 'gpu',
  elasticity: 'share',
  detect: async (signal) => {
    signal?.throwIfAborted();
    const [drm, nvidia, facts, rocm, probed] = await Promise.all([
      process.platform === 'linux' ? listDrmCards('/sys') : Promise.resolve(null),
      readNvidiaCards(signal),
      askFact(components, 'graphics', signal),
      runTool('rocm-smi', ['--showproductname', '--showbus', '--json'], signal),
      components.gpuProbe === null
        ? Promise.resolve<Reading<ProbedGpu[]>>(unknown('there is no window to ask WebGPU in'))
        : components.gpuProbe.probe(),
    ]);
    signal?.throwIfAborted();
    if (nvidia.status === 'failed') components.logger.warn('nvidia-smi failed', { error: nvidia.message });
    if (drm === null && nvidia.status !== 'ok' && !facts.known && !probed.known)
      return { assets: [], inventory: unknown(`graphics cards could not be looked for: ${facts.reason}`) };
    const gpus = mergeGpus({
      drm: drm ?? [],
      nvidia: nvidia.status === 'ok' ? nvidia.cards : [],
      facts: facts.known ? facts.value.controllers : [],
      rocm: rocm.status === 'ok' ? parseRocmCards(rocm.output) : new Map(),
      probed: probed.known ? probed.value : [],
    });
    return {
      inventory: known(gpus),
      assets: gpus
        .filter((gpu) => !gpu.software)
        .map((gpu) => ({
          resource: `gpu:${gpu.slug}`,
          label: gpu.model,
          unit: 'millicards',
          capacity: known(MILLICARDS_PER_GPU),
          // The model is left out: its name grows better with the tools that are installed, and the card stays the same.
          fingerprint: { slug: gpu.slug },
        })),
    };
  },
  measure: async (resource) => {
    const sample = components.monitor.latest();
    const use = sample?.gpus.get(resource.slice('gpu:'.length));
    if (use === undefined) {
      const silent = unknown(
        sample === null || sample.gpus.size === 0
          ? 'no tool on this machine tells the use of this card, or nobody watches'
          : 'no tool on this machine tells the use of this card',
      );
      return { usedPercent: silent, used: silent, temperatureCelsius: silent };
    }
    return {
      usedPercent: use.usedPercent,
      used: mapReading(use.usedPercent, (percent) => (percent / 100) * MILLICARDS_PER_GPU),
      temperatureCelsius: use.temperatureCelsius,
    };
  },
  // Nothing of ours runs on a card yet but the benchmark; whoever does is told its share as a `Holder`.
  allocate: async () => undefined,
  applyLevel: async () => undefined,
  release: async () => undefined,
});
