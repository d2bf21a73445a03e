/** What happened in a run, as one number: two runs that differ anywhere have different ones. */
export interface Trace {
  add(atMs: number, kind: string, who: string, detail: string): void;
  bytes(atMs: number, kind: string, from: string, to: string, bytes: Uint8Array): void;
  /** 16 hex digits. */
  digest(): string;
}

/** FNV-1a in two lanes of 32 bits. Quick; nobody attacks it. */
export const createTrace = (print: ((line: string) => void) | null): Trace => {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  const mix = (value: number): void => {
    a = Math.imul(a ^ value, 0x01000193);
    b = Math.imul(b ^ (value + 0x9e37), 0x01000193) ^ (a >>> 13);
  };
  const text = (value: string): void => {
    for (let i = 0; i < value.length; i++) mix(value.charCodeAt(i));
    mix(256);
  };
  return {
    add: (atMs, kind, who, detail) => {
      mix(Math.floor(atMs * 1000));
      text(kind);
      text(who);
      text(detail);
      print?.(`${atMs.toFixed(3).padStart(10)} ${who.padEnd(8)} ${kind} ${detail}`);
    },
    bytes: (atMs, kind, from, to, bytes) => {
      mix(Math.floor(atMs * 1000));
      text(from);
      text(to);
      mix(bytes.length);
      // Every byte of a short one, some hundred of a long one: all of it is hashed by whoever reads it.
      const step = Math.max(1, bytes.length >> 7);
      for (let i = 0; i < bytes.length; i += step) mix(bytes[i]!);
      print?.(`${atMs.toFixed(3).padStart(10)} ${from.padEnd(8)} ${kind} to ${to}, ${bytes.length} bytes`);
    },
    digest: () => (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0'),
  };
};
