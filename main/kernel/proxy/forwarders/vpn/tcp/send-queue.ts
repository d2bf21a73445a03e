/** Bytes that were sent and not acknowledged, and those behind them that were not sent. Position 0 is the oldest unacknowledged. */
export interface SendQueue {
  readonly bytes: number;
  /** Bytes belong to the queue from here on. */
  push(bytes: Uint8Array): void;
  /** Lets the first `count` go. */
  drop(count: number): void;
  /** Fills `target` from position `from`. */
  copy(target: Buffer, from: number): void;
  clear(): void;
}

export const createSendQueue = (): SendQueue => {
  let parts: Uint8Array[] = [];
  /** Of `parts`, those before are gone. */
  let first = 0;
  /** Of the first part, bytes that are gone. */
  let offset = 0;
  let bytes = 0;
  /** Where copying went on last, as most of it is in order: index of a part and the position of its first byte. */
  let lastIndex = 0;
  let lastAt = 0;
  const forget = (): void => {
    lastIndex = first;
    lastAt = -offset;
  };
  return {
    get bytes() {
      return bytes;
    },
    push: (part) => {
      if (part.length === 0) return;
      parts.push(part);
      bytes += part.length;
    },
    drop: (count) => {
      bytes -= count;
      lastAt -= count;
      offset += count;
      while (first < parts.length && offset >= parts[first]!.length) {
        offset -= parts[first]!.length;
        first += 1;
      }
      if (lastIndex < first) forget();
      // Now and then, so that it costs nothing for each.
      if (first > 64 && first * 2 > parts.length) {
        parts = parts.slice(first);
        lastIndex -= first;
        first = 0;
      }
    },
    copy: (target, from) => {
      if (from < lastAt) forget();
      let index = lastIndex;
      let at = lastAt;
      while (from >= at + parts[index]!.length) {
        at += parts[index]!.length;
        index += 1;
      }
      lastIndex = index;
      lastAt = at;
      for (let done = 0; done < target.length; index++) {
        const part = parts[index]!;
        const start = from + done - at;
        const piece = part.subarray(start, Math.min(part.length, start + target.length - done));
        target.set(piece, done);
        done += piece.length;
        at += part.length;
      }
    },
    clear: () => {
      parts = [];
      first = offset = bytes = lastIndex = lastAt = 0;
    },
  };
};
