import { readFileText } from './files.ts';

/** A route of kernel's "unreachable" kind (RTF_REJECT in linux/route.h). */
const REJECT = 0x200;
/** The route is usable (RTF_UP). */
const UP = 0x1;

/** /proc/net/route: interfaces of default routes with their metrics. */
export const parseDefaultRoutesV4 = (text: string): { name: string; metric: number }[] =>
  text.split('\n').flatMap((line) => {
    const [name, destination, , flags, , , metric, mask] = line.trim().split(/\s+/);
    if (
      name === undefined ||
      destination !== '00000000' ||
      mask !== '00000000' ||
      !/^[0-9A-Fa-f]{1,8}$/.test(flags ?? '') ||
      !/^\d{1,10}$/.test(metric ?? '')
    )
      return [];
    const bits = Number.parseInt(flags ?? '0', 16);
    return (bits & UP) !== 0 && (bits & REJECT) === 0 ? [{ name, metric: Number(metric) }] : [];
  });

/** /proc/net/ipv6_route (kernel: net/ipv6/route.c): the same for IPv6. */
export const parseDefaultRoutesV6 = (text: string): { name: string; metric: number }[] =>
  text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [destination, prefix, , , , metric, , , flags, name] = fields;
    if (
      fields.length !== 10 ||
      name === undefined ||
      name === 'lo' ||
      destination !== '0'.repeat(32) ||
      prefix !== '00'
    )
      return [];
    if (!/^[0-9a-f]{8}$/.test(metric ?? '') || !/^[0-9a-f]{8}$/.test(flags ?? '')) return [];
    const bits = Number.parseInt(flags ?? '0', 16);
    return (bits & UP) !== 0 && (bits & REJECT) === 0 ? [{ name, metric: Number.parseInt(metric ?? '0', 16) }] : [];
  });

const cheapest = (routes: { name: string; metric: number }[]): string[] => {
  const lowest = Math.min(...routes.map((route) => route.metric));
  return routes.filter((route) => route.metric === lowest).map((route) => route.name);
};

/** Interfaces that carry the default route of IPv4 or IPv6, the preferred one first. */
export const defaultRoutes = async (procPath: string): Promise<string[]> => {
  const [v4, v6] = await Promise.all([
    readFileText(`${procPath}/net/route`),
    readFileText(`${procPath}/net/ipv6_route`),
  ]);
  return [...new Set([...cheapest(parseDefaultRoutesV4(v4 ?? '')), ...cheapest(parseDefaultRoutesV6(v6 ?? ''))])];
};
