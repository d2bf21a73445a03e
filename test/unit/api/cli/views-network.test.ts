import { describe, expect, it } from 'vitest';
import { createStyle } from '../../../../main/api/cli/table.ts';
import { networkViews, viewPingSummary, viewQr } from '../../../../main/api/cli/views-network.ts';
import { FAKE_PEER_IDS, samplePath, samplePeer, sampleNetwork } from '../../../support/fake-network.ts';

const style = createStyle({ colour: false, columns: 160, nowMs: Date.now() });

describe('the table of peers', () => {
  const { peers } = sampleNetwork();
  const lines = networkViews['network:peers']({ peers }, style).split('\n');
  it('has units, tier, standing and how long', () => {
    expect(lines[1]).toMatch(
      /^attic \* +12D3KooWD3eckifW… +connected +quic +11\.4 ms +46\.0 MiB +8\.7 MiB +spotless +4[12] min$/,
    );
    expect(lines[2]).toMatch(/^studio +\S+ +connected +relay 12D3KooWD3eckifW… +64\.8 ms /);
    expect(lines[3]).toMatch(/ away .* 34 of 100$/);
    expect(lines[4]).toMatch(/ banned to \d{4}-\d\d-\d\d /);
    expect(lines[5]).toBe('4 peers, 2 connected; * trusted by name');
  });
  it('says what to do when it is empty', () => {
    expect(networkViews['network:peers']({ peers: [] }, style)).toMatch(/hypermesh peer add or hypermesh join/);
  });
});

describe('a peer', () => {
  it('shows nothing of its own that moves the cursor', () => {
    const shown = networkViews['network:peer'](
      samplePeer(0, { agent: 'evil\u001b[2J\u0007', name: 'at\u001b[31mtic' }),
      style,
    );
    expect(shown).not.toMatch(/[\u001b\u0007]/);
    expect(shown).toMatch(/^Program +evil\?\[2J\?$/m);
  });
  it('shows its paths, the one in use first said', () => {
    const spare = samplePath({ chosen: false, tier: 'tls', why: 'Kept as a spare way.' });
    const shown = networkViews['network:peer'](samplePeer(0, { paths: [samplePath(), spare] }), style);
    expect(shown).toMatch(
      /^Path in use +quic to \/ip6\/2001:db8::41\/udp\/41414\/quic-v1, round trip 11\.4 ms, loss 0\.2 %/m,
    );
    expect(shown).toMatch(/^Spare path +tls to .*Kept as a spare way\.$/m);
  });
});

describe('round trips', () => {
  it('are summed up with what was lost', () => {
    expect(viewPingSummary({ roundTripsMs: [1, null, 3, 2] }, style)).toBe(
      '4 sent, 3 answered, 25 % lost; least 1.00 ms, mean 2.00 ms, most 3.00 ms\n',
    );
    expect(viewPingSummary({ roundTripsMs: [null] }, style)).toBe('1 sent, 0 answered, 100 % lost\n');
  });
  it('of hops between stand for nothing', () => {
    const [one, other] = FAKE_PEER_IDS;
    const shown = networkViews['network:trace'](
      {
        peerId: other,
        hops: [
          { peerId: one, tier: 'quic', rttMs: null, signed: true },
          { peerId: other, tier: 'relay', rttMs: 64.8, signed: true },
        ],
      },
      style,
    );
    expect(shown).toMatch(new RegExp(`^ +1 +${one} +quic +holds$`, 'm'));
    expect(shown).toMatch(new RegExp(`^ +2 +${other} +relay +64\\.8 ms +holds$`, 'm'));
  });
});

describe('a QR code', () => {
  const rows = ['101', '010', '111'];
  it('has light modules all around, two rows a line, and can be read back', () => {
    const lines = viewQr(rows, style).trimEnd().split('\n');
    expect(lines).toHaveLength(6);
    expect(new Set(lines.map((line) => [...line].length))).toEqual(new Set([11]));
    expect(lines[0]).toBe('█'.repeat(11));
    // A full block is two light modules, an upper half a light one over a dark one.
    const light = lines.flatMap((line) => [
      [...line].map((char) => char === '█' || char === '▀'),
      [...line].map((char) => char === '█' || char === '▄'),
    ]);
    const read = rows.map((_row, row) =>
      rows.map((_column, column) => (light[row + 4]?.[column + 4] ? '0' : '1')).join(''),
    );
    expect(read).toEqual(rows);
  });
  it('is black and white whatever the colours of the terminal are', () => {
    const coloured = createStyle({ colour: true, columns: 160, nowMs: 0 });
    for (const line of viewQr(rows, coloured).trimEnd().split('\n'))
      expect(line).toMatch(/^\u001b\[97;40m.*\u001b\[0m$/);
  });
  it('says how wide a terminal it needs', () => {
    const narrow = createStyle({ colour: false, columns: 10, nowMs: 0 });
    expect(viewQr(rows, narrow).replaceAll(/\s+/g, ' ')).toMatch(
      /^The QR code needs a terminal of 11 columns; this one has 10\./,
    );
  });
});
