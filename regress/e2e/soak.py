# SPDX-License-Identifier: ISC
"""Mixed traffic for as long as you like, and then: is everything back?

Two guests download, upload, ask and ping; their sessions are made anew, their
addresses change, peers come and go by reloads and by wg(8), processes stand
still, the way to the hosts goes away.  At the end all is left alone for a
while, and descriptors, flows, slots and memory have to be where they were.

usage: soak.py SECONDS [SEED]
"""

import os
import random
import signal
import socket
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '../guest')]
import server                                               # noqa: E402
from faults import Two, connects, pids, resident            # noqa: E402
from guest import get, put                                  # noqa: E402
from net import check, run, wait_for, GATE4, SERVER4        # noqa: E402

MB = 1 << 20
# after which mappings and closed flows are gone
SHORT = 'udp { timeout 120 }\n'
IDLE = 150


def traffic(seconds, seed):
    """What a guest does; how often it worked, and did not."""
    rnd = random.Random(seed)
    end = time.time() + seconds
    good = bad = 0
    while time.time() < end:
        how = rnd.randrange(6)
        try:
            if how == 0:
                k = rnd.randrange(1, 20) * MB
                ok = get(SERVER4, k) == (k, server.digest(k))
            elif how == 1:
                k = rnd.randrange(1, 10) * MB
                ok = put(SERVER4, k) == server.digest(k)
            elif how == 2:
                ok = connects(rnd.randrange(1, 40))[0] > 0
            elif how == 3:
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.settimeout(2)
                ok = False
                for _ in range(20):
                    s.sendto(b'x' * rnd.randrange(1, 1300),
                             (SERVER4, server.UDP))
                    ok = bool(s.recv(2000))
                s.close()
            elif how == 4:
                # one that is left in the middle
                s = socket.create_connection((SERVER4, server.HTTP), 3)
                s.sendall(b'GET /50000000 HTTP/1.0\r\n\r\n')
                s.recv(100000)
                s.close()
                ok = True
            else:
                ok = run('ping', '-c', '2', '-i', '0.2', '-W', '2',
                         SERVER4, ok=False).returncode == 0
        except OSError:
            ok = False
        good += ok
        bad += not ok
        if not ok:
            # while there is no way at all, trying fails at once: as often as
            # an application does, not thousands of times
            time.sleep(1)
    return good, bad


def descriptors(n):
    return {k: len(os.listdir('/proc/%d/fd' % v))
            for k, v in pids(n).items()}


def state(n):
    s = n.ctlj('show', 'flows')
    c = n.ctlj('show', 'counters')
    return {'flows': len(s['flows']),
            'slots': c['queue_slots'] - c['queue_slots_free'],
            'descriptors': descriptors(n), 'memory': resident(n)}


def roam(n, i):
    n.wg_set('listen-port', str(40000 + i % 1000))


def rekey(n, _):
    n.client_set()


def reload_more(n, i):
    """Peers that come and go."""
    text = n.conf()
    for k in range(i % 7):
        text += 'peer "more%d" {\n\tpublic key "%s"\n\tallowed ips ' \
            '10.77.0.%d/32\n}\n' % (k, n.more[k], 100 + k)
    n.write_conf(text)
    n.ctl('reload')


def stand_still(n, i):
    who = pids(n)
    pid = who[sorted(who)[i % len(who)]]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.3)
    os.kill(pid, signal.SIGCONT)


def link(n, _):
    n.ip('g', 'link', 'set', 'e1', 'down')
    time.sleep(0.5)
    n.ip('g', 'link', 'set', 'e1', 'up')
    n.ip('g', 'addr', 'replace', '2001:db8::1/64', 'dev', 'e1', 'nodad')


def look(n, _):
    for what in ('peers', 'flows', 'counters', 'metrics'):
        n.ctl('show', what, ok=False)


ACTS = [roam, rekey, reload_more, stand_still, link, look]


def soak(n, seconds, seed):
    rnd = random.Random(seed)
    n.more = [run('wg', 'pubkey', input=run('wg', 'genkey').stdout).stdout
              .strip() for _ in range(7)]
    # once around, so that what is made only once is there
    n.call('c', traffic, 10, 0, timeout=90)
    time.sleep(IDLE)
    before = state(n)
    ends = [n.begin(w, traffic, seconds, seed + i, timeout=seconds + 200)
            for i, w in enumerate('cdcd')]
    stop = time.time() + seconds
    i = 0
    while time.time() < stop:
        rnd.choice(ACTS)(n, i)
        i += 1
        check(n.daemon.poll() is None, 'daemon died', n.logtext()[-900:])
        time.sleep(rnd.random() * 4)
    done = [end() for end in ends]
    reload_more(n, 0)
    link(n, 0)
    # sessions are made anew every two minutes, and kept for three
    wait_for(lambda: n.call('c', connects, 1)[0] == 1, 30, 'the first guest')
    wait_for(lambda: n.call('d', connects, 1)[0] == 1, 30, 'the other one')
    time.sleep(IDLE)
    after = state(n)
    print('     %d acts; worked, and did not: %s' % (i, done))
    print('     before', before)
    print('     after ', after)
    check(sum(g for g, _ in done) > 10 * sum(b for _, b in done),
          'most of it has to work', done)
    check(after['flows'] <= before['flows'] + 2, 'flows')
    check(after['slots'] <= before['slots'] + 64, 'slots')
    for k, v in before['descriptors'].items():
        check(after['descriptors'][k] <= v + 2, 'descriptors of', k)
    for k, v in before['memory'].items():
        check(after['memory'][k] <= v * 1.5 + 8192, 'memory of', k)


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print('     seed %d' % seed)
    n = Two()
    try:
        n.more_conf = SHORT
        n.start_server()
        n.start()
        n.client_up()
        n.second_up()
        wait_for(lambda: n.call('d', connects, 1)[0] == 1 and
                 n.call('c', connects, 1)[0] == 1, 20, 'sessions')
        soak(n, seconds, seed)
        n.stop()
        print('1 passed, 0 failed')
        return 0
    except BaseException as e:
        print('FAIL soak: %s: %s' % (type(e).__name__, e))
        print('0 passed, 1 failed')
        return 1
    finally:
        n.close()


if __name__ == '__main__':
    sys.exit(main())
