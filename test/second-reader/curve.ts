/**
 * Whether an Ed25519 public key is sound, written from docs/formats/keys.md ("Sound public keys") and RFC 8032: the canonical
 * encoding of a point of prime order.
 */
const prime = 2n ** 255n - 19n;
const order = 2n ** 252n + 27742317777372353535851937790883648493n;
const d = modulo(-121665n * power(121666n, prime - 2n));
const rootOfMinusOne = power(2n, (prime - 1n) / 4n);

/** Projective: the point (x/z, y/z). */
type Point = [x: bigint, y: bigint, z: bigint];

/** Whether 32 bytes are the canonical encoding of a point of prime order. */
export function isSoundEd25519Key(key: Uint8Array): boolean {
  const word = BigInt(`0x${Buffer.from(key).reverse().toString('hex')}`);
  const [sign, y] = [word >> 255n, word & (2n ** 255n - 1n)];
  if (y >= prime) return false;
  const [above, below] = [modulo(y * y - 1n), modulo(d * y * y + 1n)];
  const square = modulo(above * power(below, prime - 2n));
  let x = power(square, (prime + 3n) / 8n);
  if (modulo(x * x) !== square) x = modulo(x * rootOfMinusOne);
  if (modulo(x * x) !== square || (x === 0n && sign === 1n)) return false;
  if ((x & 1n) !== sign) x = prime - x;
  const isNeutral = ([a, b, c]: Point) => a === 0n && b === c;
  return !isNeutral([x, y, 1n]) && isNeutral(times([x, y, 1n], order));
}

function times(point: Point, count: bigint): Point {
  let [sum, step]: [Point, Point] = [[0n, 1n, 1n], point];
  for (let rest = count; rest > 0n; rest >>= 1n) {
    if (rest & 1n) sum = add(sum, step);
    step = add(step, step);
  }
  return sum;
}

function add([x1, y1, z1]: Point, [x2, y2, z2]: Point): Point {
  const [xx, yy, zz] = [modulo(x1 * x2), modulo(y1 * y2), modulo(z1 * z2)];
  const [square, product] = [modulo(zz * zz), modulo(d * modulo(xx * yy))];
  const [less, more] = [square - product, square + product];
  const x = modulo(zz * less) * modulo((x1 + y1) * (x2 + y2) - xx - yy);
  return [modulo(x), modulo(modulo(zz * more) * (yy + xx)), modulo(less * more)];
}

function modulo(value: bigint): bigint {
  return ((value % prime) + prime) % prime;
}

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, modulo(base)];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = modulo(result * square);
    square = modulo(square * square);
  }
  return result;
}
