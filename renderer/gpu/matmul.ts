/** Side of the block of the product that one workgroup makes. */
export const TILE = 64;

/**
 * Square f32 matrix product. A workgroup of 16 × 16 makes a block of 64 × 64, each invocation 4 × 4 of it, over slices
 * of 16 held in workgroup memory (2 × 4 KiB, well below the 16 KiB that WebGPU guarantees).
 *
 * @see Volkov and Demmel, "Benchmarking GPUs to Tune Dense Linear Algebra", 2008, for the blocking in registers
 */
export const MATMUL_SHADER = /* wgsl */ `
override side: u32;
@group(0) @binding(0) var<storage, read> left: array<f32>;
@group(0) @binding(1) var<storage, read> right: array<f32>;
@group(0) @binding(2) var<storage, read_write> product: array<f32>;
var<workgroup> leftSlice: array<f32, 1024>;
var<workgroup> rightSlice: array<f32, 1024>;

@compute @workgroup_size(16, 16)
fn multiply(@builtin(workgroup_id) block: vec3u, @builtin(local_invocation_id) own: vec3u, @builtin(local_invocation_index) number: u32) {
  let row = block.y * 64u;
  let column = block.x * 64u;
  var sums: array<vec4f, 4>;
  for (var slice = 0u; slice < side; slice += 16u) {
    for (var part = 0u; part < 4u; part += 1u) {
      let index = number + part * 256u;
      leftSlice[index] = left[(row + index / 16u) * side + slice + index % 16u];
      rightSlice[index] = right[(slice + index / 64u) * side + column + index % 64u];
    }
    workgroupBarrier();
    for (var k = 0u; k < 16u; k += 1u) {
      let at = k * 64u + own.x * 4u;
      let across = vec4f(rightSlice[at], rightSlice[at + 1u], rightSlice[at + 2u], rightSlice[at + 3u]);
      for (var part = 0u; part < 4u; part += 1u) {
        sums[part] += leftSlice[(own.y * 4u + part) * 16u + k] * across;
      }
    }
    workgroupBarrier();
  }
  for (var part = 0u; part < 4u; part += 1u) {
    let at = (row + own.y * 4u + part) * side + column + own.x * 4u;
    product[at] = sums[part].x;
    product[at + 1u] = sums[part].y;
    product[at + 2u] = sums[part].z;
    product[at + 3u] = sums[part].w;
  }
}
`;
