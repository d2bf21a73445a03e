/**
 * Rows of the product that a proof of work commits to (docs/formats/proof-work.md), bit for bit as the processor makes
 * them. The page sees nothing of the node's code, so the numbers of the format stand here again; a test compares.
 */

const FIELD = 65_521;
const INNER = 1024;
const COLUMNS = 256;
const LEFT_ROW_BYTES = INNER * 2;
const RIGHT_BYTES = INNER * COLUMNS * 2;
const PRODUCT_ROW_BYTES = COLUMNS * 2;
const LEFT_STREAM = 0;
const RIGHT_STREAM = 1;
const BLOCK_BYTES = 16;

/** Side of the block of the product that one workgroup makes; a dispatch has whole blocks. */
const TILE = 64;
/** Rows of one dispatch, at most: 16 MiB of operand, and milliseconds on the fastest card, whose clock here has tenths. */
const BATCH_ROWS_MAX = 8192;
/** A page's clock goes in such steps. */
const CLOCK_STEP_MS = 0.1;
/** Bound on the work handed over at once: the card stays free for the screen, and abort possible, several times a second. */
const BATCH_MS = 100;
const GROWTH_MAX = 4;
/** Rows of one question: 32 MiB of product. */
export const QUESTION_ROWS_MAX = 65_536;

/**
 * Exact in 32 bits without a sign: a product of two entries is below 2^32, and its halves are summed apart, each sum over
 * 1024 of them below 2^26. As 2^16 is 15 modulo 65521, high · 15 + low, below 2^31, is the same number. Entries come as
 * pairs in words, as the stream has them, and leave in pairs.
 */
const PRODUCT_SHADER = /* wgsl */ `
@group(0) @binding(0) var<storage, read> left: array<u32>;
@group(0) @binding(1) var<storage, read> right: array<u32>;
@group(0) @binding(2) var<storage, read_write> product: array<u32>;
var<workgroup> leftSlice: array<u32, 1024>;
var<workgroup> rightSlice: array<u32, 1024>;

fn entry(word: u32) -> u32 {
  return select(word, word - ${FIELD}u, word >= ${FIELD}u);
}

@compute @workgroup_size(16, 16)
fn multiply(@builtin(workgroup_id) block: vec3u, @builtin(local_invocation_id) own: vec3u, @builtin(local_invocation_index) number: u32) {
  let row = block.y * 64u;
  let column = block.x * 64u;
  var low: array<vec4u, 4>;
  var high: array<vec4u, 4>;
  for (var slice = 0u; slice < ${INNER}u; slice += 16u) {
    for (var part = 0u; part < 2u; part += 1u) {
      let at = number + part * 256u;
      let ofLeft = left[(row + at / 8u) * ${INNER / 2}u + slice / 2u + at % 8u];
      leftSlice[at * 2u] = entry(ofLeft & 0xffffu);
      leftSlice[at * 2u + 1u] = entry(ofLeft >> 16u);
      let ofRight = right[(slice + at / 32u) * ${COLUMNS / 2}u + column / 2u + at % 32u];
      rightSlice[at * 2u] = entry(ofRight & 0xffffu);
      rightSlice[at * 2u + 1u] = entry(ofRight >> 16u);
    }
    workgroupBarrier();
    for (var k = 0u; k < 16u; k += 1u) {
      let at = k * 64u + own.x * 4u;
      let across = vec4u(rightSlice[at], rightSlice[at + 1u], rightSlice[at + 2u], rightSlice[at + 3u]);
      for (var part = 0u; part < 4u; part += 1u) {
        let products = leftSlice[(own.y * 4u + part) * 16u + k] * across;
        low[part] += products & vec4u(0xffffu);
        high[part] += products >> vec4u(16u);
      }
    }
    workgroupBarrier();
  }
  for (var part = 0u; part < 4u; part += 1u) {
    let sums = (high[part] * 15u + low[part]) % vec4u(${FIELD}u);
    let at = (row + own.y * 4u + part) * ${COLUMNS / 2}u + (column + own.x * 4u) / 2u;
    product[at] = sums.x | (sums.y << 16u);
    product[at + 1u] = sums.z | (sums.w << 16u);
  }
}
`;

/** Bytes of a stream of AES-256-CTR, from a counter block on. */
const streamBytes = async (
  key: CryptoKey,
  stream: number,
  firstBlock: number,
  length: number,
): Promise<ArrayBuffer> => {
  const counter = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(counter.buffer);
  view.setBigUint64(0, BigInt(stream));
  view.setBigUint64(8, BigInt(firstBlock));
  return await crypto.subtle.encrypt({ name: 'AES-CTR', counter, length: 64 }, key, new Uint8Array(length));
};

export interface FieldProduct {
  product: Uint8Array;
  /** How long the card multiplied: without making and moving operands. */
  tookMs: number;
}

/**
 * Multiplies rows from `from` on. Holds some 24 MiB on the card and the rows themselves.
 *
 * @param seed - 32 bytes
 * @param count - 1 to {@link QUESTION_ROWS_MAX}
 * @throws {Error} when the card is lost
 */
export const multiplyRows = async (
  adapter: GPUAdapter,
  seed: Uint8Array<ArrayBuffer>,
  { from, count }: { from: number; count: number },
  report: (percent: number) => void,
): Promise<FieldProduct> => {
  const key = await crypto.subtle.importKey('raw', seed, 'AES-CTR', false, ['encrypt']);
  const device = await adapter.requestDevice();
  try {
    let lost: string | null = null;
    void device.lost.then((info) => {
      lost = info.message === '' ? info.reason : info.message;
    });
    const failIfLost = (): void => {
      if (lost !== null) throw new Error(`The graphics card was lost while it computed: ${lost}`);
    };
    const rowsMax = Math.min(BATCH_ROWS_MAX, Math.ceil(count / TILE) * TILE);
    const left = device.createBuffer({
      size: rowsMax * LEFT_ROW_BYTES,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
    });
    const right = device.createBuffer({ size: RIGHT_BYTES, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    const result = device.createBuffer({
      size: rowsMax * PRODUCT_ROW_BYTES,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
    });
    const readable = device.createBuffer({
      size: rowsMax * PRODUCT_ROW_BYTES,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(right, 0, await streamBytes(key, RIGHT_STREAM, 0, RIGHT_BYTES));
    const pipeline = await device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module: device.createShaderModule({ code: PRODUCT_SHADER }), entryPoint: 'multiply' },
    });
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [left, right, result].map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    /** Multiplies what lies in `left`. @returns how long it took */
    const run = async (rows: number): Promise<number> => {
      await device.queue.onSubmittedWorkDone();
      const startedMs = performance.now();
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(COLUMNS / TILE, Math.ceil(rows / TILE));
      pass.end();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      return performance.now() - startedMs;
    };

    // The first product compiles the shader and wakes the card; what it makes of empty rows is thrown away.
    await run(TILE);
    const product = new Uint8Array(count * PRODUCT_ROW_BYTES);
    let tookMs = 0;
    for (let done = 0, batch = TILE; done < count; ) {
      const rows = Math.min(batch, count - done);
      const firstBlock = ((from + done) * LEFT_ROW_BYTES) / BLOCK_BYTES;
      device.queue.writeBuffer(left, 0, await streamBytes(key, LEFT_STREAM, firstBlock, rows * LEFT_ROW_BYTES));
      const batchMs = await run(rows);
      failIfLost();
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(result, 0, readable, 0, rows * PRODUCT_ROW_BYTES);
      device.queue.submit([encoder.finish()]);
      await readable.mapAsync(GPUMapMode.READ, 0, rows * PRODUCT_ROW_BYTES);
      failIfLost();
      product.set(new Uint8Array(readable.getMappedRange(0, rows * PRODUCT_ROW_BYTES)), done * PRODUCT_ROW_BYTES);
      readable.unmap();
      done += rows;
      tookMs += batchMs;
      const fitting = (rows * BATCH_MS) / Math.max(batchMs, CLOCK_STEP_MS);
      const next = Math.min(fitting, batch * GROWTH_MAX, rowsMax);
      batch = Math.max(TILE, Math.floor(next / TILE) * TILE);
      report(Math.floor((done / count) * 100));
    }
    return { product, tookMs: Math.max(tookMs, CLOCK_STEP_MS) };
  } finally {
    device.destroy();
  }
};
