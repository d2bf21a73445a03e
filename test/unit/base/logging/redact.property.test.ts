import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor } from '../../../../main/base/index.ts';

const redactor = createRedactor('/home/ada');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const secretBytes = fc.uint8Array({ minLength: 32, maxLength: 64 });
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

describe('redactor', () => {
  it('lets no key through that is written in hex, whatever stands around it', () => {
    fc.assert(
      fc.property(
        secretBytes,
        fc.constantFrom(' ', '"', ',', '=', ':', '(', '\n'),
        fc.string(),
        (bytes, border, around) => {
          const text = `${around}${border}${hex(bytes)}${border}${around}`;
          expect(redactor.text(text)).not.toContain(hex(bytes));
          expect(JSON.stringify(redactor.context({ note: text }))).not.toContain(hex(bytes));
        },
      ),
    );
  });

  it('lets no value through whose field is named as a secret, at any depth and in any spelling', () => {
    const name = fc
      .tuple(
        fc.constantFrom('token', 'password', 'seed', 'secret', 'authorization', 'privateKey'),
        fc.infiniteStream(fc.boolean()),
      )
      .map(([word, upper]) =>
        [...word].map((letter) => (upper.next().value === true ? letter.toUpperCase() : letter)).join(''),
      );
    fc.assert(
      fc.property(name, fc.uuid(), fc.nat(3), (field, secret, depth) => {
        let context: Record<string, unknown> = { [field]: { inner: secret, list: [secret] } };
        for (let i = 0; i < depth; i++) context = { wrap: [context] };
        expect(JSON.stringify(redactor.context(context))).not.toContain(secret);
      }),
    );
  });

  it('keeps one line one line', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })),
        (text, context) => {
          expect(redactor.text(text)).not.toMatch(control);
          const shown = redactor.context(context);
          for (const [key, value] of Object.entries(shown)) expect(`${key}${String(value)}`).not.toMatch(control);
        },
      ),
    );
  });

  it('gives JSON for anything, and never fails', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string(),
          fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
        ),
        (context) => {
          const shown = redactor.context(context);
          expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
        },
      ),
      { examples: [[{ '': -0 }], [{ list: [-0, new Set([-0])] }]] },
    );
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => {
        const once = redactor.text(text);
        expect(redactor.text(once)).toBe(once);
      }),
    );
  });
});
