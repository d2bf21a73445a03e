import { describe, expect, it, vi } from 'vitest';
import { forgetToken, takeToken, type TokenSurroundings } from '../../../../renderer/state/token.ts';

const surroundings = (hash: string) => {
  const kept = new Map<string, string>();
  const replaceState = vi.fn<History['replaceState']>();
  const around: TokenSurroundings = {
    location: { hash, pathname: '/', search: '' },
    history: { replaceState },
    sessionStorage: {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    },
  };
  return { around, replaceState, kept };
};

describe('takeToken', () => {
  it('keeps the token for the tab and takes it out of the address', () => {
    const { around, replaceState } = surroundings('#token=abc-_9');
    expect(takeToken(around)).toBe('abc-_9');
    expect(replaceState).toHaveBeenCalledWith(null, '', '/#/');
    expect(takeToken({ ...around, location: { hash: '#/share', pathname: '/', search: '' } })).toBe('abc-_9');
    forgetToken(around);
    expect(takeToken({ ...around, location: { hash: '#/', pathname: '/', search: '' } })).toBeNull();
  });

  it.each(['', '#/', '#token=', `#token=${'a'.repeat(600)}`, '#/share/token=abc'])('has none for %j', (hash) => {
    const { around, replaceState } = surroundings(hash);
    expect(takeToken(around)).toBeNull();
    expect(replaceState).not.toHaveBeenCalled();
  });

  it('passes on what is not percent-encoded as it is', () => {
    expect(takeToken(surroundings('#token=%E0%A4%A').around)).toBe('%E0%A4%A');
  });
});
