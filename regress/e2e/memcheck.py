# SPDX-License-Identifier: ISC
"""The daemon below valgrind's memcheck: not a byte that it sends to anybody, in
a packet, in a message to a sibling, by shared memory, to a client of its, is
one that it has not written.

BUILD is where the daemon was built with regress/lib/unsealed.c: below valgrind
it can have no filter.  With ORIGINS in the environment valgrind says where such
a byte comes from.
"""

import base64
import glob
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from guest import (connect_error, flood, get, ping, put,    # noqa: E402
                   reset_by_server, udp_echo, udp_refused)
from net import (GATE4, Net, SERVER4, SERVER6, TITLES, check,  # noqa: E402
                 enter, named, run_tests)

KB = 1 << 10
EXTRA = '''overlay yes
metrics listen on 127.0.0.1 port 9586
block proto tcp to any port 81
'''
WHAT = ('peers', 'flows', 'rules', 'counters', 'processes', 'summary',
        'forwards', 'names')


class Memcheck(Net):
    patience = 120

    def under(self):
        return ['valgrind', '--trace-children=yes', '--leak-check=no',
                '--log-file=%s/run/memcheck.%%p' % self.dir] + (
                    ['--track-origins=yes'] if 'ORIGINS' in os.environ
                    else [])

    def found(self):
        """(how many processes came to their end, what was found)"""
        ends, found = 0, ''
        for path in glob.glob(self.dir + '/run/memcheck.*'):
            with open(path, errors='replace') as f:
                text = f.read()
            m = re.search(r'ERROR SUMMARY: (\d+) errors', text)
            if m:
                ends += 1
                if m.group(1) != '0':
                    found += text
            elif 'uninitialised' in text or 'Invalid' in text:
                found += text
        return ends, found


def test_traffic(n):
    """TCP, UDP and pings, IPv4 and IPv6."""
    for host in (SERVER4, SERVER6):
        code, text = n.call('c', ping, host)
        check(code == 0, text)
        check(n.call('c', get, host, 300 * KB, timeout=180) ==
              (300 * KB, server.digest(300 * KB)), 'get', host)
        check(n.call('c', put, host, 300 * KB, timeout=180) ==
              server.digest(300 * KB), 'put', host)
        check(not n.call('c', udp_echo, host, (1, 100, 1300, 1800, 3000)),
              'UDP', host)
        n.call('c', udp_refused, host)
        n.call('c', reset_by_server, host)
    check(n.call('c', connect_error, SERVER4, 80, 20)[0] == 'connected',
          'open')
    check(n.call('c', connect_error, SERVER4, 81, 20)[0] != 'connected',
          'blocked')
    code, text = n.call('c', ping, GATE4)
    check(code == 0, text)


def test_sessions(n):
    """New ones, and what is no message of any."""
    for _ in range(3):
        check(n.client_set() == 0, 'setconf')
        check(n.call('c', connect_error, SERVER4, 80, 50)[0] == 'connected',
              'a session')
    for valid in (False, True):
        n.call('d', flood, base64.b64decode(n.pub('s')), 200, valid)


def test_asked(n):
    """All that it tells, and a capture."""
    for what in WHAT:
        n.ctl('show', what, ok=False)
        n.ctl('-j', 'show', what, ok=False)
    n.ctl('reload')
    n.write_conf(n.conf(EXTRA + 'dns listen upstream 192.0.2.2\n'))
    n.ctl('reload')
    n.ctl('kill', 'peer', 'laptop')
    n.ctl('log', 'verbose')
    check(n.call('c', connect_error, SERVER4, 80, 50)[0] == 'connected',
          'after that')


def test_end(n):
    """Each process has ended, and valgrind has nothing to say."""
    check(n.stop() == 0, 'exit status')
    ends, found = n.found()
    check(not found, found)
    check(ends >= len(TITLES), ends, 'processes')
    n.last = '%d processes' % ends
    n.start(n.conf(EXTRA))


TESTS = [test_traffic, test_sessions, test_asked, test_end]


def main():
    n = Memcheck()

    def setup():
        n.start_server()
        n.start(n.conf(EXTRA))
        n.client_up()
    return run_tests(n, 'memcheck', named(TESTS), setup)


if __name__ == '__main__':
    if 'BUILD' not in os.environ:
        sys.exit('BUILD is not set: see regress/e2e/memcheck.sh')
    enter()
    sys.exit(main())
