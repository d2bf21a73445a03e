import { z } from 'zod';

/** Kinds of asset, in the order in which faces list them. */
export const resourceKinds = ['cpu', 'gpu', 'memory', 'storage', 'network', 'container', 'economic'] as const;
export const resourceKind = z.enum(resourceKinds);
export type ResourceKind = z.infer<typeof resourceKind>;

/** What an owner sets limits for: a kind, or one graphics card (`gpu:` and the card's slug from the inventory). */
export const resourceKey = z
  .string()
  .regex(
    /^(cpu|memory|storage|network|container|economic|gpu:[a-z0-9][a-z0-9._-]{0,63})$/,
    'unknown resource; use cpu, memory, storage, network, container, economic or gpu:<card>',
  )
  .describe('cpu, memory, storage, network, container, economic or gpu:<card>');
export type ResourceKey = z.infer<typeof resourceKey>;

/** The four proofs, in the order in which faces list them: where, who, what, when. */
export const proofKinds = ['space', 'stake', 'work', 'time'] as const;
export const proofKind = z.enum(proofKinds);
export type ProofKind = z.infer<typeof proofKind>;

/** On or off; in a query there is nothing but text. */
export const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);
/** Whole percent. */
export const percent = z.int().min(0).max(100);
/** Milliseconds since 1970-01-01T00:00Z. */
export const timestampMs = z.int().min(0);
export const bytes = z.int().min(0);

/** A value that was read, or the reason why it could not be. Nothing in the app stands for "unknown" but this. */
export const reading = <T extends z.ZodType>(value: T) =>
  z.discriminatedUnion('known', [
    z.strictObject({ known: z.literal(true), value }),
    z.strictObject({ known: z.literal(false), reason: z.string() }),
  ]);
export type Reading<T> = { known: true; value: T } | { known: false; reason: string };

/** What crosses to a face in place of an exception. `message` says what happened and what to do. */
export const callError = z.strictObject({
  /** Class of the error, such as `AllocationError`. */
  name: z.string(),
  /** Stable code, such as `LEVEL_EXCEEDED`. Programs match on this and on nothing else. */
  code: z.string(),
  message: z.string(),
  /** The error's data: numbers and names that the sentence is made of. */
  data: z.record(z.string(), z.unknown()).optional(),
});
export type CallError = z.infer<typeof callError>;
export type Reply<T> = { ok: true; value: T } | { ok: false; error: CallError };
