export { createProxies, type ProxiesComponents } from './create-proxies.ts';
