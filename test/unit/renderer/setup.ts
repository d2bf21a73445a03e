import { notifications } from '@mantine/notifications';
import { cleanup } from '@testing-library/react';
import { afterEach } from 'vitest';

// What jsdom lacks and the component kit asks for at once. None of it decides anything in a test: no media query
// matches, nothing is ever resized, nothing scrolls.
window.matchMedia ??= (query: string) =>
  ({
    matches: false,
    media: query,
    onchange: null,
    addEventListener: () => {},
    removeEventListener: () => {},
    addListener: () => {},
    removeListener: () => {},
    dispatchEvent: () => false,
  }) as MediaQueryList;
globalThis.ResizeObserver ??= class {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
};
Element.prototype.scrollIntoView ??= () => {};
Element.prototype.scrollTo ??= () => {};
document.elementFromPoint ??= () => null;
if (!('fonts' in document))
  Object.assign(document, { fonts: { addEventListener: () => {}, removeEventListener: () => {} } });

afterEach(() => {
  cleanup();
  // The one queue of messages belongs to the page, which here is the whole file.
  notifications.clean();
  window.location.hash = '';
});
