import { NodeError } from '../../../../base/index.ts';

/** What the helper says when it cannot make the device, docs/formats/tun-helper.md, and what keeps it from saying anything. */
export const HELPER_CODES = [
  'NO_PERMISSION',
  'NO_TUN',
  'NO_IPV6',
  'NAME_TAKEN',
  'ROUTE_TAKEN',
  'BAD_ARGUMENT',
  'BAD_FRAME',
  'DEVICE_FAILED',
  /** It ended, or said nothing in time. */
  'HELPER_FAILED',
] as const;
export type HelperCode = (typeof HELPER_CODES)[number];

/** Why there is no device. The message is the helper's own sentence. */
export class HelperError extends NodeError<{ code: HelperCode }> {
  override readonly name = 'HelperError';
}

/** What a person does about it. @param path - of the helper */
export const adviceOf = (error: HelperError, path: string): string => {
  switch (error.code) {
    case 'NO_PERMISSION':
      return `The helper may not make a network device (${error.message}). Grant it that right once with \`sudo setcap cap_net_admin+ep '${path.replaceAll("'", String.raw`'\''`)}'\` and bring the VPN up again.`;
    case 'NO_TUN':
      return `This system offers no TUN device (${error.message}). Load it with \`sudo modprobe tun\` and bring the VPN up again.`;
    case 'NO_IPV6':
      return `This system does not do IPv6 (${error.message}). Switch it on with \`sudo sysctl net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0\` and bring the VPN up again.`;
    case 'NAME_TAKEN':
      return 'All devices that the VPN may make exist already; take one away with `sudo ip link delete hm0` and bring the VPN up again.';
    case 'ROUTE_TAKEN':
      return `${error.message}: \`ip -6 route show fd00::/8\` names its device. Stop that program, or the VPN of the other person at this machine, and bring the VPN up again.`;
    case 'BAD_ARGUMENT':
    case 'BAD_FRAME':
    case 'DEVICE_FAILED':
    case 'HELPER_FAILED':
      return `The VPN's device failed: ${error.message}. Bring the VPN up again.`;
  }
};
