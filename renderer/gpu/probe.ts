// The hidden page that asks WebGPU. The node opens it for one question, reads the answers through `hypermeshGpu`, and
// throws the page away. It has no bridge and no network.
import { type FieldProduct, multiplyRows, QUESTION_ROWS_MAX } from './field-product.ts';
import { MATMUL_SHADER, TILE } from './matmul.ts';

type Reading<T> = { known: true; value: T } | { known: false; reason: string };
interface ProbedGpu {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  software: boolean;
  bufferBytesMax: number;
  features: string[];
}
type Progress = { status: 'running'; progressPercent: number } | { status: 'done'; result: Reading<number> };

/** Side of the square matrices: 3 × 4 MiB fit any card, and one product (2.1 GFLOP) is long against its dispatch. */
const SIDE = 1024;
const FLOP_PER_PRODUCT = 2 * SIDE ** 3;
/** A software adapter does some 0.4 GFLOP/s: a product of this side takes it about ten milliseconds instead of seconds. */
const SIDE_SOFTWARE = 128;
/** How long is computed after the warm-up: long enough for the card to raise its clock. */
const MEASURE_MS = 3_000;
/** Bound on the work handed over at once: the queue is drained, and abort possible, several times a second. */
const BATCH_MS = 150;

const NO_WEBGPU = 'This build of Chromium offers no WebGPU on this machine.';
const NO_ADAPTER = 'WebGPU found no graphics card that it can use; a driver may be missing or too old.';

const requestAdapters = async (): Promise<GPUAdapter[]> => {
  const found: GPUAdapter[] = [];
  const seen = new Set<string>();
  // A machine with two cards gives one for each preference; with one card both answers are the same.
  for (const powerPreference of ['high-performance', 'low-power'] as const) {
    const adapter = await navigator.gpu.requestAdapter({ powerPreference });
    if (adapter === null) continue;
    const { vendor, architecture, device, description } = adapter.info;
    const key = JSON.stringify([vendor, architecture, device, description, adapter.limits.maxBufferSize]);
    if (seen.has(key)) continue;
    seen.add(key);
    found.push(adapter);
  }
  return found;
};

const isSoftware = ({ info }: GPUAdapter): boolean =>
  info.isFallbackAdapter ||
  /swiftshader|llvmpipe|softpipe|basic render/i.test(`${info.architecture} ${info.device} ${info.description}`);

const probe = async (): Promise<Reading<ProbedGpu[]>> => {
  if (!('gpu' in navigator)) return { known: false, reason: NO_WEBGPU };
  const adapters = await requestAdapters();
  if (adapters.length === 0) return { known: false, reason: NO_ADAPTER };
  return {
    known: true,
    value: adapters.map((adapter) => ({
      vendor: adapter.info.vendor,
      architecture: adapter.info.architecture,
      device: adapter.info.device,
      description: adapter.info.description,
      software: isSoftware(adapter),
      bufferBytesMax: adapter.limits.maxBufferSize,
      features: [...adapter.features].sort(),
    })),
  };
};

let progress: Progress = { status: 'running', progressPercent: 0 };

const measure = async (): Promise<Reading<number>> => {
  if (!('gpu' in navigator)) return { known: false, reason: NO_WEBGPU };
  const [adapter] = await requestAdapters();
  if (adapter === undefined) return { known: false, reason: NO_ADAPTER };
  const side = isSoftware(adapter) ? SIDE_SOFTWARE : SIDE;
  const flopPerProduct = FLOP_PER_PRODUCT * (side / SIDE) ** 3;
  const device = await adapter.requestDevice();
  try {
    let lost: string | null = null;
    void device.lost.then((info) => {
      lost = info.message === '' ? info.reason : info.message;
    });
    const sizeBytes = side * side * Float32Array.BYTES_PER_ELEMENT;
    const input = (seed: number): GPUBuffer => {
      const buffer = device.createBuffer({ size: sizeBytes, usage: GPUBufferUsage.STORAGE, mappedAtCreation: true });
      const values = new Float32Array(buffer.getMappedRange());
      // Small values without a pattern that a driver could shortcut; denormals would be slower than real work.
      for (let index = 0; index < values.length; index += 1)
        values[index] = (((index * 2654435761 + seed) >>> 16) & 0xff) / 256 + 0.5;
      buffer.unmap();
      return buffer;
    };
    const left = input(1);
    const right = input(2);
    const product = device.createBuffer({ size: sizeBytes, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
    const check = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const pipeline = await device.createComputePipelineAsync({
      layout: 'auto',
      compute: {
        module: device.createShaderModule({ code: MATMUL_SHADER }),
        entryPoint: 'multiply',
        constants: { side },
      },
    });
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [left, right, product].map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const run = async (products: number): Promise<number> => {
      const startedMs = performance.now();
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      for (let index = 0; index < products; index += 1) pass.dispatchWorkgroups(side / TILE, side / TILE);
      pass.end();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      return performance.now() - startedMs;
    };

    // The first product compiles the shader and wakes the card; the second tells how many fit into a batch.
    await run(1);
    let productsPerBatch = Math.max(1, Math.min(4096, Math.floor(BATCH_MS / Math.max(await run(1), 0.01))));
    let products = 0;
    let tookMs = 0;
    while (tookMs < MEASURE_MS && lost === null) {
      const batchMs = await run(productsPerBatch);
      products += productsPerBatch;
      tookMs += batchMs;
      productsPerBatch = Math.max(1, Math.min(4096, Math.round((productsPerBatch * BATCH_MS) / Math.max(batchMs, 1))));
      progress = { status: 'running', progressPercent: Math.min(99, Math.floor((tookMs / MEASURE_MS) * 100)) };
    }
    if (lost !== null) return { known: false, reason: `The graphics card was lost while it computed: ${String(lost)}` };

    // One element is computed here as well: speed without the right result is no measurement.
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(product, 0, check, 0, 4);
    device.queue.submit([encoder.finish()]);
    await check.mapAsync(GPUMapMode.READ);
    const got = new Float32Array(check.getMappedRange())[0] ?? Number.NaN;
    const expected = expectedFirst(side);
    if (!(Math.abs(got - expected) <= 1e-3 * expected))
      return { known: false, reason: 'The graphics card computed a wrong product; its driver may be faulty.' };
    return { known: true, value: (products * flopPerProduct) / (tookMs / 1000) };
  } finally {
    device.destroy();
  }
};

/** First element of the product, from the same values as the card got. */
const expectedFirst = (side: number): number => {
  const value = (index: number, seed: number): number => (((index * 2654435761 + seed) >>> 16) & 0xff) / 256 + 0.5;
  let sum = 0;
  for (let k = 0; k < side; k += 1) sum += value(k, 1) * value(k * side, 2);
  return sum;
};

/** Of the page's one question about a product; `finished` holds it until the node has taken it. */
let productProgress: Progress = { status: 'running', progressPercent: 0 };
let finished: FieldProduct | null = null;

const product = async (question: { seedHex: string; from: number; count: number }): Promise<Reading<number>> => {
  const { seedHex, from, count } = question;
  if (count > QUESTION_ROWS_MAX) return { known: false, reason: 'These are more rows than one question may ask for.' };
  if (!('gpu' in navigator)) return { known: false, reason: NO_WEBGPU };
  const [adapter] = await requestAdapters();
  if (adapter === undefined) return { known: false, reason: NO_ADAPTER };
  const seed = Uint8Array.from(seedHex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  finished = await multiplyRows(adapter, seed, { from, count }, (progressPercent) => {
    productProgress = { status: 'running', progressPercent };
  });
  return { known: true, value: finished.tookMs };
};

const hypermeshGpu = {
  probe,
  /** Rows of the product of docs/formats/proof-work.md; the value at the end is how long the card took, in ms. */
  startProduct(question: { seedHex: string; from: number; count: number }): void {
    product(question)
      .catch(
        (error: unknown): Reading<number> => ({
          known: false,
          reason: error instanceof Error ? error.message : String(error),
        }),
      )
      .then((result) => {
        productProgress = { status: 'done', result };
      })
      .catch(() => undefined);
  },
  productProgress: (): Progress => productProgress,
  /** Part of the finished product. In parts, because each crosses to the node in one turn of its thread. */
  takeProduct: (from: number, to: number): Uint8Array => (finished?.product ?? new Uint8Array(0)).slice(from, to),
  start(): void {
    measure()
      .catch(
        (error: unknown): Reading<number> => ({
          known: false,
          reason: error instanceof Error ? error.message : String(error),
        }),
      )
      .then((result) => {
        progress = { status: 'done', result };
      })
      .catch(() => undefined);
  },
  progress: (): Progress => progress,
};
Object.assign(globalThis, { hypermeshGpu });
