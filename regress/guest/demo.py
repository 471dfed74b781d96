#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Two WireGuard peers that are ordinary processes, 192.168.4.1 and 192.168.4.2,
each with a daemon as its way to a DERP relay: a page goes from one to the
other.  No root, no interface, no UDP but on loopback.
"""

import json
import sys
import time

from plain import Plain, relay, sidecars


def main():
    begin = time.monotonic()
    n = Plain()
    try:
        url, pin, what = relay(n)
        ports = sidecars(n, url, pin)
        n.key('a')
        n.guest('a', n.key('b'), ports['a'], '192.168.4.1')
        ok, said = n.get('b', n.key('a'), ports['b'], '192.168.4.2',
                         '192.168.4.1', 100000)
        c = json.loads(n.ctl('side-b', '-j', 'show', 'counters'))
    finally:
        n.close()
    print('GET http://192.168.4.1/ from 192.168.4.2: ' + said)
    print('%s the relay %s (%s): %d datagrams to it, %d from it; %.1f s in '
          'all' % ('through' if ok and c['relay_rx_datagrams'] > 50 else
                   'NOT through', url, what, c['relay_tx_datagrams'],
                   c['relay_rx_datagrams'], time.monotonic() - begin))
    return 0 if ok and c['relay_rx_datagrams'] > 50 else 1


if __name__ == '__main__':
    sys.exit(main())
