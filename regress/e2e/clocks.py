# SPDX-License-Identifier: ISC
"""Gateways that know each other, whose clocks are years apart and are put
right: who is where is known all the same.

BUILD is where the daemon was built with regress/lib/unsealed.c, as for
clock.py.  Clients go straight to the gateway they are to be at.
"""

import os
import shutil
import signal
import sys

# one more than the first, and the one where a client is
os.environ.setdefault('WORKERS', '3')
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from many import IDS, Many, address                         # noqa: E402
from net import (GUEST4, check, enter, named, open_ping, run,  # noqa: E402
                 run_tests, wait_for)

YEAR = 365 * 86400
TABLET4 = '10.77.0.3'


class Clocks(Many):
    """Each gateway has a clock of its own; clients are a laptop and a tablet."""

    def program(self, i):
        path = os.path.join(self.dir, 'bin' + i)
        if not os.path.isdir(path):
            shutil.copytree(self.bin, path)
            self.write_clock(i, 0, 'wb')
        return path + '/wgslirpd'

    def write_clock(self, i, seconds, mode='r+b'):
        path = os.path.join(self.dir, 'bin' + i, 'wgslirpd.clock')
        with open(path, mode) as f:
            f.write(int(seconds).to_bytes(8, sys.byteorder, signed=True))
        os.chmod(path, 0o644)

    def put(self, who, i):
        """A client goes to a gateway, and uses it."""
        kw = {} if who == 'c' else {'key': 'd', 'psk': False}
        check(self.client_set(who=who, endpoint=address(i) + ':51820',
                              **kw) == 0, 'setconf')
        self.reaches(who, '10.77.0.1')

    def reaches(self, who, host):
        wait_for(lambda: run(
            'ip', 'netns', 'exec', self.nsname(who), 'ping', '-c', '1', '-W',
            '1', host, ok=False).returncode == 0, 20,
            'a ping of %s to %s' % (who, host))

    def laptop_is(self, where, seen_by):
        wait_for(lambda: self.peer(seen_by).get('gateway') == int(where), 10,
                 'the laptop at %s, says %s' % (where, seen_by))
        self.reaches('d', GUEST4)
        self.reaches('c', TABLET4)

    def again(self, i):
        """A gateway that has forgotten everything."""
        if i in self.gw:
            self.end(i, signal.SIGKILL)
        self.gateway(i)

    def linked_up(self):
        for i in IDS:
            self.write_clock(i, 0)
            self.again(i)
        self.put('d', '3')


def test_restarts(n):
    """What two gateways have forgotten the third one still believes."""
    n.linked_up()
    n.write_clock('2', YEAR)
    n.put('c', '2')
    n.laptop_is('2', '3')
    n.end('2')
    # greater than what the second one said
    n.put('c', '1')
    n.laptop_is('1', '3')
    n.write_clock('2', 0)
    n.again('1')
    n.put('c', '1')
    n.laptop_is('1', '3')
    n.again('2')
    n.put('c', '2')
    n.laptop_is('2', '3')
    n.laptop_is('2', '1')


def test_own_time(n):
    """One that was ahead believes that a client is there for a year."""
    n.linked_up()
    n.write_clock('1', YEAR)
    n.put('c', '1')
    n.laptop_is('1', '3')
    n.write_clock('1', 0)
    n.put('c', '2')
    n.laptop_is('2', '1')
    # until nobody knows that it was there
    n.end('2')
    wait_for(lambda: 'gateway' not in n.peer('1'), 60, 'the end of the second')
    n.again('2')
    n.put('c', '2')
    n.laptop_is('2', '1')
    n.laptop_is('2', '3')


def test_unlinked(n):
    """Without links nobody is elsewhere."""
    n.linked_up()
    n.put('c', '2')
    n.laptop_is('2', '3')
    with open(n.dir + '/gw3.conf') as f:
        text = f.read()
    with open(n.dir + '/gw3.conf', 'w') as f:
        f.write('\n'.join(x for x in text.split('\n')
                          if not x.startswith('gateway peer')))
    n.at('3', 'reload')
    check('gateway' not in n.peer('3'), n.peer('3'))
    n.put('c', '3')
    n.reaches('c', TABLET4)
    n.reaches('d', GUEST4)


TESTS = [test_restarts, test_own_time, test_unlinked]


def main():
    n = Clocks()
    n.linked = True

    def setup():
        for i in IDS:
            n.call(i, open_ping)
        n.start()
        for who, net in (('c', '10.9.0'), ('d', '10.7.0')):
            n.ip(who, 'route', 'add', '10.8.0.0/16', 'via', net + '.1')
        n.device_up('c', GUEST4, 'fd77::2', endpoint=address('1') + ':51820')
        n.device_up('d', TABLET4, 'fd77::3', key='d', psk=False,
                    endpoint=address('3') + ':51820')
    return run_tests(n, 'clocks', named(TESTS), setup)


if __name__ == '__main__':
    if 'BUILD' not in os.environ:
        sys.exit('BUILD is not set, and this daemon\'s clock is the machine\'s')
    enter()
    sys.exit(main())
