import { COLUMNS, FIELD, INNER, LEFT_ROW_BYTES, PRODUCT_ROW_BYTES } from './format.ts';
import { KERNEL_BASE64 } from './generate-kernel-module.ts';

/** Multiplies rows of the left matrix, as they come from the stream, with the right one. */
export type Multiplier = (left: Uint8Array) => Uint8Array<ArrayBuffer>;

/** Where things lie in the module's memory, as generate-kernel.wat says. */
const LEFT_AT = 1_048_576;
const PRODUCT_AT = 1_245_184;
/** Rows of one call: together with a panel of the right matrix they stay in the second cache. */
const ROWS_PER_CALL = 32;

interface Kernel {
  memory: { readonly buffer: ArrayBuffer };
  packRight(): void;
  multiply(rows: number): void;
}
/** Neither TypeScript's own library without a browser nor Node's types declare it. */
interface WasmApi {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: Kernel };
}
const wasm = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;

const kernelBytes = Buffer.from(KERNEL_BASE64, 'base64');
/**
 * Compiled once in each thread: V8 begins with quick code and replaces it when it has run for a while, and with a new module
 * for each slice every slice would begin slowly. Null on processors without vectors that WebAssembly could use.
 */
const kernelModule = wasm.validate(kernelBytes) ? new wasm.Module(kernelBytes) : null;

/** With vectors of 128 bits. @returns null where the processor has none */
export const createKernelMultiplier = (right: Uint8Array): Multiplier | null => {
  if (kernelModule === null) return null;
  const { memory, packRight, multiply } = new wasm.Instance(kernelModule).exports;
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(right, 0);
  packRight();
  return (left) => {
    const rows = left.length / LEFT_ROW_BYTES;
    const product = new Uint8Array(rows * PRODUCT_ROW_BYTES);
    for (let from = 0; from < rows; from += ROWS_PER_CALL) {
      const count = Math.min(ROWS_PER_CALL, rows - from);
      bytes.set(left.subarray(from * LEFT_ROW_BYTES, (from + count) * LEFT_ROW_BYTES), LEFT_AT);
      // It takes rows in pairs. An odd last row is multiplied with whatever lies after it, and that is left behind.
      multiply(count + (count % 2));
      product.set(bytes.subarray(PRODUCT_AT, PRODUCT_AT + count * PRODUCT_ROW_BYTES), from * PRODUCT_ROW_BYTES);
    }
    return product;
  };
};

/** Columns that are summed at once: their eight sums, for two rows, stay in registers. */
const PANEL = 4;

/** The same in doubles, some eight times slower, for processors without vectors. Sums stay below 2^42, so they are exact. */
export const createPlainMultiplier = (right: Uint8Array): Multiplier => {
  const view = new DataView(right.buffer, right.byteOffset, right.byteLength);
  const packed = new Float64Array(INNER * COLUMNS);
  for (let column = 0; column < COLUMNS; column += 1)
    for (let k = 0; k < INNER; k += 1)
      packed[(column - (column % PANEL)) * INNER + k * PANEL + (column % PANEL)] =
        view.getUint16((k * COLUMNS + column) * 2, true) % FIELD;
  return (left) => {
    const rows = left.length / LEFT_ROW_BYTES;
    const leftView = new DataView(left.buffer, left.byteOffset, left.byteLength);
    const product = new Uint8Array(rows * PRODUCT_ROW_BYTES);
    const productView = new DataView(product.buffer);
    const upper = new Float64Array(INNER);
    const lower = new Float64Array(INNER);
    for (let row = 0; row < rows; row += 2) {
      const paired = row + 1 < rows;
      for (let k = 0; k < INNER; k += 1) {
        upper[k] = leftView.getUint16(row * LEFT_ROW_BYTES + k * 2, true) % FIELD;
        lower[k] = paired ? leftView.getUint16((row + 1) * LEFT_ROW_BYTES + k * 2, true) % FIELD : 0;
      }
      for (let column = 0; column < COLUMNS; column += PANEL) {
        const sums = sumPanel(upper, lower, packed, column * INNER);
        for (let index = 0; index < PANEL * (paired ? 2 : 1); index += 1) {
          const at = (row + Math.floor(index / PANEL)) * PRODUCT_ROW_BYTES + (column + (index % PANEL)) * 2;
          productView.setUint16(at, (sums[index] as number) % FIELD, true);
        }
      }
    }
    return product;
  };
};

const sumPanel = (upper: Float64Array, lower: Float64Array, packed: Float64Array, from: number): readonly number[] => {
  let [a, b, c, d, e, f, g, h] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let k = 0, at = from; k < INNER; k += 1, at += PANEL) {
    const above = upper[k] as number;
    const below = lower[k] as number;
    const first = packed[at] as number;
    const second = packed[at + 1] as number;
    const third = packed[at + 2] as number;
    const fourth = packed[at + 3] as number;
    a += above * first;
    b += above * second;
    c += above * third;
    d += above * fourth;
    e += below * first;
    f += below * second;
    g += below * third;
    h += below * fourth;
  }
  return [a, b, c, d, e, f, g, h];
};

export const createMultiplier = (right: Uint8Array): Multiplier =>
  createKernelMultiplier(right) ?? createPlainMultiplier(right);
