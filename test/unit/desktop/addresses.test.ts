import { describe, expect, it } from 'vitest';
import { isAllowedExternal, isOwnAddress, isPageUrl } from '../../../main/desktop/addresses.ts';

describe('addresses', () => {
  it('knows its own page', () => {
    expect(isPageUrl('app://hypermesh/index.html#/share/cpu')).toBe(true);
    expect(isPageUrl('app://hypermesh/')).toBe(true);
  });

  it.each([
    '',
    'app://',
    'app://other/index.html',
    'app://hypermesh.example.org/',
    'app://hypermesh:80/',
    'https://hypermesh/index.html',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'not an address',
  ])('refuses %j as a page', (address) => expect(isPageUrl(address)).toBe(false));

  it('takes the development server for its own only when there is one', () => {
    expect(isOwnAddress('http://localhost:5173/main.tsx', 'http://localhost:5173')).toBe(true);
    expect(isOwnAddress('ws://localhost:5173/', 'http://localhost:5173')).toBe(true);
    expect(isOwnAddress('http://localhost:5174/', 'http://localhost:5173')).toBe(false);
    expect(isOwnAddress('http://localhost:5173/', null)).toBe(false);
  });

  it('opens only https links of sites that our sentences point at', () => {
    expect(isAllowedExternal('https://docs.docker.com/engine/install/debian/')).toBe(true);
    for (const address of [
      'http://docs.docker.com/',
      'https://docs.docker.com.evil.example/',
      'https://docs.docker.com:8443/',
      'https://user@docs.docker.com/',
      'https://evil.example/docs.docker.com',
      'file:///bin/sh',
      'smb://docs.docker.com/',
      'nonsense',
    ]) {
      expect(isAllowedExternal(address), address).toBe(false);
    }
  });
});
