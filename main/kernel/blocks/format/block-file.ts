import { type FileHandle, open } from 'node:fs/promises';
import { decodeCbor, encodeCbor, messageOf, sha256 } from '../../../base/index.ts';
import {
  ATTACHMENT_BYTES_MAX,
  FILE_VERSION,
  FRAME_BYTES_MAX,
  HASH_BYTES,
  HEADER_BYTES_MAX,
  HEIGHT_MAX,
  SEALED_BYTES_MAX,
  STATE_ENTRIES_MAX,
  STATE_FRAME_BYTES,
} from '../constants.ts';
import { BlockError, BlockFormatError } from '../errors.ts';
import type { Hash } from '../interface.ts';
import type { CheckItem } from '../task-types.ts';
import { decodeUpdate } from './body.ts';
import { Strict, same } from './strict.ts';

/** Sixteen bytes that no other file begins with. */
const MAGIC = new TextEncoder().encode('hypermesh-chain\n');
const LENGTH_BYTES = 4;
/** Attachments that come before the blocks. */
const ATTACHMENTS_BEFORE_MAX = 4096;
/** What the reader fetches from the disk at once. */
const READ_BYTES = 256 * 1024;

/** First frame: what the file holds. */
export interface FileHead {
  network: Hash;
  /** Heights of the first and the last block. */
  from: number;
  to: number;
  /** Whether each body comes with its key. */
  readable: boolean;
  /** State after the block at `height`, which the file begins with; bodies follow from the next one on. */
  base: { height: number; entries: number; attachments: number } | null;
}

export type StateEntry = readonly [key: string, value: Uint8Array];

const digestAfter = (digest: Uint8Array, frame: Uint8Array): { length: Uint8Array; digest: Uint8Array } => {
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setUint32(0, frame.length);
  return { length, digest: sha256(Buffer.concat([digest, length, frame])) };
};

/** Writes a chain frame by frame. Each frame is followed by a hash of all before it, so that damage is found where it is. */
export class ChainFileWriter {
  readonly #file: FileHandle;
  #digest = sha256(MAGIC);
  #blocks = 0;
  #bytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async begin(file: FileHandle, head: FileHead): Promise<ChainFileWriter> {
    const writer = new ChainFileWriter(file);
    await writer.#put(MAGIC);
    await writer.#frame({
      type: 'head',
      v: FILE_VERSION,
      network: head.network,
      from: head.from,
      to: head.to,
      readable: head.readable,
      base: head.base,
    });
    return writer;
  }
  async state(entries: Iterable<StateEntry>): Promise<void> {
    let part: StateEntry[] = [];
    let bytes = 0;
    for (const entry of entries) {
      part.push(entry);
      bytes += entry[0].length + entry[1].length;
      if (bytes < STATE_FRAME_BYTES) continue;
      await this.#frame({ type: 'state', entries: part });
      part = [];
      bytes = 0;
    }
    if (part.length > 0) await this.#frame({ type: 'state', entries: part });
  }
  attachment(data: Uint8Array): Promise<void> {
    return this.#frame({ type: 'attachment', data });
  }
  async block({ header, sealed, contentKey }: CheckItem): Promise<void> {
    await this.#frame({ type: 'block', header, sealed, key: contentKey });
    this.#blocks += 1;
  }
  /** @returns bytes of the whole file */
  async end(): Promise<number> {
    await this.#frame({ type: 'end', blocks: this.#blocks });
    return this.#bytes;
  }

  async #frame(value: unknown): Promise<void> {
    const frame = encodeCbor(value);
    const { length, digest } = digestAfter(this.#digest, frame);
    this.#digest = digest;
    await this.#put(Buffer.concat([length, frame, digest]));
  }
  async #put(bytes: Uint8Array): Promise<void> {
    await this.#file.writeFile(bytes);
    this.#bytes += bytes.length;
  }
}

const strict = new Strict('BLOCK_MALFORMED');

/** An opened chain file, read once from front to back. */
export interface ChainFile {
  readonly head: FileHead;
  readonly state: readonly StateEntry[];
  readonly attachments: readonly Uint8Array[];
  /** Each block in turn; throws where the file is damaged, cut short, or has something behind its end. */
  blocks(): AsyncGenerator<CheckItem & { height: number }>;
  close(): Promise<void>;
}

class FrameReader {
  readonly #file: FileHandle;
  #digest = sha256(MAGIC);
  #buffer: Buffer = Buffer.alloc(0);
  /** Height of the block that is read next, for what is said of damage. */
  height: number | null = null;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  fail(problem: string): BlockError {
    const place = this.height === null ? '' : ` at the block of height ${this.height}`;
    return new BlockError(
      { code: 'CHAIN_FILE_UNREADABLE', height: this.height, problem },
      `This is no whole chain file: ${problem}${place}. Copy it again from where it was made, or export it again.`,
    );
  }

  /** @returns exactly so many bytes, or null where the file ends right here */
  async #take(length: number): Promise<Buffer | null> {
    while (this.#buffer.length < length) {
      const part = Buffer.alloc(Math.max(READ_BYTES, length - this.#buffer.length));
      const { bytesRead } = await this.#file.read(part, 0, part.length, null);
      if (bytesRead === 0) {
        if (this.#buffer.length === 0) return null;
        throw this.fail('it ends in the middle');
      }
      this.#buffer = Buffer.concat([this.#buffer, part.subarray(0, bytesRead)]);
    }
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return taken;
  }

  async begin(): Promise<void> {
    const found = await this.#take(MAGIC.length);
    if (found === null || !same(found, MAGIC)) throw this.fail('it does not begin as one');
  }

  async next(): Promise<Record<string, unknown>> {
    const length = await this.#take(LENGTH_BYTES);
    if (length === null) throw this.fail('it ends too early');
    const size = length.readUInt32BE();
    if (size > FRAME_BYTES_MAX) throw this.fail('a part of it is larger than any may be');
    const frame = await this.#take(size + HASH_BYTES);
    if (frame === null) throw this.fail('it ends in the middle');
    // A copy, so that what is kept of it does not keep the whole buffer.
    const bytes = new Uint8Array(frame.subarray(0, size));
    this.#digest = digestAfter(this.#digest, bytes).digest;
    if (!same(this.#digest, frame.subarray(size))) throw this.fail('its bytes were changed');
    try {
      const value = decodeCbor(bytes);
      if (typeof value !== 'object' || value === null) throw this.fail('a part of it is no map');
      return value as Record<string, unknown>;
    } catch (error) {
      throw error instanceof BlockError ? error : this.fail(messageOf(error));
    }
  }

  async atEnd(): Promise<boolean> {
    return this.#buffer.length === 0 && (await this.#take(1)) === null;
  }

  /** Runs strict readers; what they refuse is the file's fault. */
  parse<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw error instanceof BlockFormatError ? this.fail(messageOf(error)) : error;
    }
  }
}

const parseHead = (frame: Record<string, unknown>): FileHead => {
  const map = strict.map(frame, ['type', 'v', 'network', 'from', 'to', 'readable', 'base'], 'the head');
  const from = strict.integer(map['from'], HEIGHT_MAX, 'the first height');
  const to = strict.integer(map['to'], HEIGHT_MAX, 'the last height');
  if (to < from) throw strict.fail('the last height is before the first');
  if (typeof map['readable'] !== 'boolean') throw strict.fail('it does not say whether it is readable');
  const base = map['base'] === null ? null : strict.map(map['base'], ['height', 'entries', 'attachments'], 'the base');
  if (base !== null && !map['readable']) throw strict.fail('it is sealed and has a base');
  const height = base && strict.integer(base['height'], HEIGHT_MAX, 'the height of the base');
  if (height !== null && (height < from || height > to)) throw strict.fail('its base is none of its blocks');
  return {
    network: strict.bytes(map['network'], HASH_BYTES, 'the network'),
    from,
    to,
    readable: map['readable'],
    base: base && {
      height: height!,
      entries: strict.integer(base['entries'], STATE_ENTRIES_MAX, 'the number of entries'),
      attachments: strict.integer(base['attachments'], ATTACHMENTS_BEFORE_MAX, 'the number of attachments'),
    },
  };
};

const parseBlock = (frame: Record<string, unknown>): CheckItem => {
  const map = strict.map(frame, ['type', 'header', 'sealed', 'key'], 'the block');
  return {
    header: strict.bytesUpTo(map['header'], HEADER_BYTES_MAX, 'the header'),
    sealed: map['sealed'] === null ? null : strict.bytesUpTo(map['sealed'], SEALED_BYTES_MAX, 'the sealed body'),
    contentKey: strict.bytesOrNull(map['key'], HASH_BYTES, 'the key'),
  };
};

/**
 * Which blocks have a body and a key follows from the head. Without it a file could leave out the bodies that the state of
 * the rest depends on, and what nobody could check would be taken for a chain that holds.
 */
class Contents {
  readonly #head: FileHead;
  /** A readable file without a base has either all bodies from height 0 on or none: its first block tells. */
  #bodies: boolean | null = null;

  constructor(head: FileHead) {
    this.#head = head;
  }

  /** @throws {BlockFormatError} `BLOCK_MALFORMED` */
  check(height: number, { sealed, contentKey }: CheckItem): void {
    const { base, from, readable } = this.#head;
    if (!readable) {
      if (contentKey !== null) throw strict.fail('it calls itself sealed and has a key');
      return;
    }
    if (base === null) {
      this.#bodies ??= contentKey !== null;
      if (this.#bodies && from > 0) throw strict.fail('it has a body and not the state before it');
    }
    const isOpen = base === null ? this.#bodies! : height > base.height;
    if (isOpen && (sealed === null || contentKey === null)) throw strict.fail('a body or its key is missing');
    if (!isOpen && (sealed !== null || contentKey !== null))
      throw strict.fail('there is a body or a key where only a header may be');
  }
}

/**
 * Opens a chain file and reads what comes before its blocks.
 *
 * @param attachmentBytesMax - what the attachments before the blocks may have together
 * @throws {BlockError} `CHAIN_FILE_UNREADABLE` | `CHAIN_FILE_NEWER` | `CHAIN_FILE_TOO_LARGE`
 */
export const openChainFile = async (path: string, attachmentBytesMax = Infinity): Promise<ChainFile> => {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw new BlockError(
      { code: 'CHAIN_FILE_UNREADABLE', height: null, problem: messageOf(error) },
      `The chain file cannot be opened (${messageOf(error)}); check its name and that you may read it.`,
      { cause: error },
    );
  }
  const reader = new FrameReader(file);
  try {
    await reader.begin();
    const first = await reader.next();
    if (first['type'] === 'head' && typeof first['v'] === 'number' && first['v'] > FILE_VERSION)
      throw new BlockError(
        { code: 'CHAIN_FILE_NEWER', found: first['v'] },
        `This chain file has version ${first['v']}, and this program knows ${FILE_VERSION}; use a newer HyperMesh.`,
      );
    if (first['type'] !== 'head' || first['v'] !== FILE_VERSION) throw reader.fail('it has no head');
    const head = reader.parse(() => parseHead(first));
    const state: StateEntry[] = [];
    while (head.base !== null && state.length < head.base.entries) {
      const frame = await reader.next();
      reader.parse(() => {
        if (frame['type'] !== 'state') throw strict.fail('its state is not whole');
        const part = strict.list(
          strict.map(frame, ['type', 'entries'], 'the state')['entries'],
          STATE_ENTRIES_MAX,
          'the state',
        );
        if (part.length === 0) throw strict.fail('a part of its state is empty');
        for (const one of part) {
          const { key, value } = decodeUpdate(one, strict);
          if (value === null || key <= (state.at(-1)?.[0] ?? '')) throw strict.fail('its state is not in order');
          state.push([key, value]);
        }
        if (state.length > head.base!.entries) throw strict.fail('its state has more entries than it says');
      });
    }
    const attachments: Uint8Array[] = [];
    let attachmentBytes = 0;
    while (head.base !== null && attachments.length < head.base.attachments) {
      const frame = await reader.next();
      attachments.push(
        reader.parse(() => {
          if (frame['type'] !== 'attachment') throw strict.fail('its attachments are not whole');
          return strict.bytesUpTo(
            strict.map(frame, ['type', 'data'], 'an attachment')['data'],
            ATTACHMENT_BYTES_MAX,
            'an attachment',
          );
        }),
      );
      attachmentBytes += attachments.at(-1)!.length;
      if (attachmentBytes > attachmentBytesMax)
        throw new BlockError(
          { code: 'CHAIN_FILE_TOO_LARGE', height: null, limit: attachmentBytesMax },
          `The file begins with more than ${attachmentBytesMax} bytes of attachments, too many to check; export a shorter part of the chain.`,
        );
    }
    const blocks = async function* (): AsyncGenerator<CheckItem & { height: number }> {
      const contents = new Contents(head);
      for (let height = head.from; height <= head.to; height++) {
        reader.height = height;
        const frame = await reader.next();
        const item = reader.parse(() => {
          if (frame['type'] !== 'block') throw strict.fail('a block is missing');
          const block = parseBlock(frame);
          contents.check(height, block);
          return block;
        });
        yield { ...item, height };
      }
      const last = await reader.next();
      reader.parse(() => {
        const map = strict.map(last, ['type', 'blocks'], 'the end');
        if (map['type'] !== 'end' || map['blocks'] !== head.to - head.from + 1)
          throw strict.fail('its end is not where it must be');
      });
      if (!(await reader.atEnd())) throw reader.fail('something follows its end');
    };
    return { head, state, attachments, blocks, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
};
