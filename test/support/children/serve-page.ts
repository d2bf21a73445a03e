import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// A web server as somebody runs one at home: says its port, then a line for each page that was asked for.

const title = process.argv[2] ?? 'A page';
const server = createServer((request, response) => {
  if (request.url !== '/') {
    response.writeHead(404).end();
    return;
  }
  console.log(`asked as ${request.headers.host ?? ''}`);
  response.setHeader('content-type', 'text/html; charset=utf-8');
  // Nothing is kept, so that a page that is shown was brought.
  response.setHeader('cache-control', 'no-store');
  response.end(`<!doctype html><title>${title}</title><h1>${title}</h1>`);
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
