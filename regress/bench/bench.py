# SPDX-License-Identifier: ISC
"""What the gateway costs, beside the least that is possible.

usage: bench.py [seconds]
Everything is on loopback and in one run: the limit (limit.c) beside the
daemon under our own load (load.c), both at the same packet sizes.
CPU is that of all four processes.  As root, others are measured under
the same load, in namespaces (beside.py), and all that are found under real
clients (real.py).  The rows are also in out/bench.json, and CPU by program
and client is drawn to out/bench.svg if there is gnuplot.
"""

import base64
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import beside
import real

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
D, C = TOP + '/wgslirpd/wgslirpd', TOP + '/wgslirpctl/wgslirpctl'
BIN = TOP + '/regress/bench'
LOAD = BIN + '/load.t'
SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 4
TICK = os.sysconf('SC_CLK_TCK')
PORT, SERVE = 51877, 7100


ROWS = []


def row(what, value, unit, ratio=None, target=None):
    """A line of the table; the target is of the ratio if there is one."""
    ROWS.append({'figure': what, 'value': value, 'unit': unit,
                 'ratio': ratio, 'target': target})
    print('%-46s %10.4g %-9s %8s  %s' % (
        what, value, unit, '' if ratio is None else '%.2f' % ratio,
        target or ''), flush=True)


def keys(n):
    priv = [subprocess.run([C, 'genkey'], capture_output=True, text=True,
                           check=True).stdout.strip() for _ in range(n)]
    return priv


def public(k):
    return subprocess.run([C, 'pubkey'], input=k, capture_output=True,
                          text=True, check=True).stdout.strip()


def cpu_of(pids):
    t = 0
    for p in pids:
        with open('/proc/%d/stat' % p) as f:
            v = f.read().rpartition(')')[2].split()
        t += int(v[11]) + int(v[12])
    return t / TICK


def pss(pids):
    """Proportional bytes, and those that they have written for themselves."""
    total = own = 0
    for p in pids:
        with open('/proc/%d/smaps_rollup' % p) as f:
            text = f.read()
        total += int(re.search(r'^Pss:\s+(\d+)', text, re.M).group(1))
        own += int(re.search(r'^Anonymous:\s+(\d+)', text, re.M).group(1))
    return total * 1024, own * 1024


class Gateway:
    """The daemon with clients, on loopback."""

    def __init__(self, npeers=8, extra='', each=''):
        """extra is of the whole configuration, each of every peer."""
        self.dir = tempfile.mkdtemp(prefix='wgslirpd-bench.')
        os.chmod(self.dir, 0o755)
        self.keys = keys(min(npeers, 8))
        self.key = keys(1)[0]
        self.extra, self.each, self.npeers = extra, each, npeers
        with open(self.dir + '/keys', 'w') as f:
            f.write('\n'.join(self.keys) + '\n')
        self.write_conf(npeers)
        self.sock = self.dir + '/ctl'
        t = time.monotonic()
        self.proc = subprocess.Popen(
            [D, '-d', '-f', self.dir + '/conf', '-s', self.sock],
            stderr=subprocess.PIPE, text=True)
        for line in self.proc.stderr:
            if 'started' in line:
                break
        self.start = time.monotonic() - t
        out = subprocess.run([C, '-j', '-s', self.sock, 'show',
                              'processes'], capture_output=True, text=True,
                             check=True).stdout
        self.pids = [x['pid'] for x in json.loads(out)['processes']]

    def write_conf(self, npeers):
        with open(self.dir + '/conf', 'w') as f:
            f.write('listen on 127.0.0.1 port %d\nprivate key "%s"\n'
                    'address 10.77.0.1/16\nmax new flows 0\n%s\n'
                    'pass to 127.0.0.1 port { %d:%d }\n' % (
                        PORT, self.key, self.extra, SERVE, SERVE + 3))
            for i in range(npeers):
                if i < len(self.keys):
                    pub = public(self.keys[i])
                else:
                    pub = base64.b64encode(os.urandom(32)).decode()
                f.write('peer "p%d" {\n\tpublic key "%s"\n\tallowed ips '
                        '10.77.%d.%d\n%s\n}\n' % (
                            i, pub, 1 + i // 250, 1 + i % 250, self.each))
        os.chmod(self.dir + '/conf', 0o600)

    def load(self, kind, clients=1, flows=1, at=None, seconds=SECONDS,
             first=0):
        """Clients are counted from first."""
        return load(kind, self.dir + '/keys:%d' % first, public(self.key),
                    '10.77.0.1', clients, flows, self.pids, at, seconds)

    def stop(self):
        self.proc.terminate()
        self.proc.wait()
        subprocess.run(['rm', '-rf', self.dir])


def load(kind, keyfile, pub, target, clients, flows, pids, at=None,
         seconds=SECONDS, more=()):
    p = subprocess.Popen([LOAD, kind, keyfile, pub, str(PORT), target,
                          str(SERVE), str(clients), str(flows),
                          str(seconds), *more], stdout=subprocess.PIPE,
                         text=True)
    if p.stdout.readline() != 'begin\n':
        raise RuntimeError(kind + ' did not begin')
    a = cpu_of(pids)
    extra = at() if at else None
    if p.stdout.readline() != 'end\n':
        raise RuntimeError(kind + ' did not end')
    cpu = cpu_of(pids) - a
    sec, size, packets, p50, p99, n = map(
        float, p.stdout.readline().split())
    p.wait()
    return {'gbit': size * 8 / sec / 1e9, 'cpu_gb': cpu / size * 1e9
            if size else 0, 'us': cpu / packets * 1e6 if packets else 0,
            'p50': p50, 'p99': p99, 'n': n, 'at': extra,
            'per_cpu': packets / cpu if cpu else 0}


def limit(*kinds):
    """CPU-s/GB and us/packet of the limit, the mean of these kinds."""
    gb = us = 0
    for kind in kinds:
        out = subprocess.run([BIN + '/limit.t', str(SECONDS), kind],
                             capture_output=True, text=True,
                             check=True).stdout.split()
        gb += float(out[1]) / len(kinds)
        us += float(out[2]) / len(kinds)
    return gb, us


def beside_limit(what, unit, target, measure, *kinds):
    """
    The machine's speed moves: the limit, what measure() returns the load
    of, and the limit again, whose mean is taken.
    """
    i = unit == 'us/packet'
    before = limit(*kinds)[i]
    r = measure()
    lim = (before + limit(*kinds)[i]) / 2
    value = r['us' if i else 'cpu_gb']
    row('limit, ' + ' and '.join(kinds), lim, unit)
    row('%s (%.1f Gbit/s)' % (what, r['gbit']), value, unit, value / lim,
        target)
    return value


def latency(g):
    """Small datagrams there and back, alone and beside downloads."""
    bare = limit('relay')[1]
    row('limit, relay', bare, 'us')
    out = subprocess.run([LOAD, 'ping', str(SERVE)], capture_output=True,
                         text=True, check=True)
    added = g.load('rtt')['p50'] - float(out.stdout.split()[0])
    row('round trip, 64 B, added (median)', added, 'us', added / bare,
        '<= 1.15 x limit')
    r = g.load('down', 3, 7, seconds=SECONDS + 3,
               at=lambda: g.load('rtt', seconds=SECONDS, first=7))
    row('the same beside downloads (%.1f Gbit/s)' % r['gbit'],
        r['at']['p50'], 'us')
    row('99 %% of them (of %d), as fast as it goes' % r['at']['n'],
        r['at']['p99'], 'us')


def share(before):
    """Idle time, and what the machine's host took, of all since then."""
    now = times()
    d = [b - a for a, b in zip(before, now)]
    return (d[3] + d[4]) / sum(d), d[7] / sum(d)


def times():
    with open('/proc/stat') as f:
        return [int(x) for x in f.readline().split()[1:9]]


def latency_paced():
    """Beside downloads that leave a processor free: they are held."""
    for rate in (400, 200, 100):
        g = Gateway(each='rate out %dM' % rate)
        try:
            t = times()
            r = g.load('down', 3, 7, seconds=SECONDS + 3,
                       at=lambda g=g: g.load('rtt', seconds=SECONDS,
                                             first=7))
            idle = share(t)[0]
        finally:
            g.stop()
        if idle * os.cpu_count() >= 1 or rate == 100:
            break
    row('beside downloads of %.1f Gbit/s, %.1f processors idle' % (
        r['gbit'], idle * os.cpu_count()), r['at']['p50'], 'us')
    row('99 %% of them (of %d)' % r['at']['n'], r['at']['p99'], 'us', None,
        '<= 2000' if idle * os.cpu_count() >= 1 else 'no processor is free')


def across():
    """Peer to peer; and what that costs those who go to hosts."""
    g = Gateway(extra='overlay yes')
    try:
        beside_limit('peer to peer, 1420 B', 'CPU-s/GB', '<= 1.3 x limit',
                     lambda: g.load('peers', 2, 1), 'overlay')
        for kind in ('up', 'down'):
            beside_limit('TCP %s, peers can reach each other' % kind,
                         'CPU-s/GB', '<= 1.3 x limit',
                         lambda k=kind: g.load(k),
                         'tcp-' + kind)
    finally:
        g.stop()


def transfers():
    g = Gateway()
    try:
        one = {}
        for kind in ('up', 'down'):
            one[kind] = beside_limit(
                'TCP %s, 1 flow' % kind, 'CPU-s/GB', '<= 1.3 x limit',
                lambda: g.load(kind), 'tcp-' + kind)
            r = g.load(kind, 4, 64)
            row('TCP %s, 64 flows of 4 peers (%.1f)' % (kind, r['gbit']),
                r['cpu_gb'], 'CPU-s/GB', r['cpu_gb'] / one[kind],
                '<= 1.1 x one flow')
        beside_limit('UDP 1200 B, there and back', 'us/packet',
                     '<= 1.5 x limit', lambda: g.load('udp'), 'udp-up',
                     'udp-down')
        latency(g)
        lim = 1e6 / limit('connect')[1]
        row('limit, connect', lim, 'per CPU-s')
        r = g.load('connect', 4, 32)
        row('TCP connect and close', r['per_cpu'], 'per CPU-s',
            r['per_cpu'] / lim, '>= 0.92 x limit')
        row('start, to "started"', g.start * 1000, 'ms', None, '<= 100')
    finally:
        g.stop()


def flood(kind, g, seconds):
    """Start one; its end is its number of datagrams."""
    return subprocess.Popen([BIN + '/flood.t', kind, str(PORT),
                             public(g.key), str(seconds)],
                            stdout=subprocess.PIPE, text=True)


def floods():
    """What anybody can send: what it costs, and what others still get."""
    g = Gateway()
    try:
        calm = g.load('down')['gbit']
        for kind in ('noise', 'short', 'initiation', 'signed', 'data',
                     'mixed'):
            before, t = cpu_of(g.pids), time.monotonic()
            sent = int(flood(kind, g, 2).communicate()[0])
            cpu = (cpu_of(g.pids) - before) / (time.monotonic() - t)
            row('flood of %s, %.0f thousand a second' % (kind, sent / 2000),
                cpu, 'cores')
            # the client has its session before it begins
            end = []
            r = g.load('down', at=lambda k=kind: end.append(
                flood(k, g, SECONDS)))
            end[0].communicate()
            row('a download beside it', r['gbit'], 'Gbit/s',
                r['gbit'] / calm, '>= 0.8 with a core left')
    finally:
        g.stop()


def herd(n=10000):
    """All clients come back at once."""
    k = subprocess.run([BIN + '/herd.t', 'keys', str(n), 'bench'],
                       capture_output=True, text=True, check=True)
    g = Gateway(1)
    try:
        with open(g.dir + '/conf', 'a') as f:
            for i, pub in enumerate(k.stdout.split()):
                f.write('peer "h%d" { public key "%s"\nallowed ips '
                        '10.78.%d.%d }\n' % (i, pub, i // 250, 1 + i % 250))
        reload_time(g)
        out = subprocess.run([BIN + '/herd.t', 'run', str(n), 'bench',
                              str(PORT), public(g.key), '60'],
                             capture_output=True, text=True, check=True)
        served, half, most, last = map(float, out.stdout.split())
        row('%d clients at once, half have a session' % n, half, 's')
        row('99 %% of them (%d in the end after %.1f s)' % (served, last),
            most, 's')
    finally:
        g.stop()


def scale():
    """A gigabyte among few and many peers, and idle connections."""
    for what, counts in (('peers', (1, 100, 10000)),
                         ('idle flows', (1, 100, 10000))):
        first = {}
        for n in counts:
            g = Gateway(n if what == 'peers' else 8)
            held = None
            try:
                if what != 'peers':
                    held = subprocess.Popen(
                        [LOAD, 'hold', g.dir + '/keys:4', public(g.key),
                         str(PORT), '10.77.0.1', str(SERVE), '4', str(n),
                         str(8 * SECONDS + 20)], stdout=subprocess.PIPE,
                        text=True)
                    held.stdout.readline()
                for kind in ('up', 'down'):
                    v = g.load(kind)['cpu_gb']
                    row('TCP %s, %d %s' % (kind, n, what), v, 'CPU-s/GB',
                        v / first.setdefault(kind, v), 'flat within 10 %')
            finally:
                if held:
                    held.kill()
                    held.wait()
                g.stop()


def clients():
    """The same bytes by clients that people have, and other gateways."""
    why = real.possible()
    if why:
        print('real clients: ' + why)
        return
    singles = {k: limit('tcp-%s-single' % k)[0] for k in ('up', 'down')}
    for k, v in singles.items():
        row('limit, tcp-%s, one datagram a call' % k, v, 'CPU-s/GB')
    pid = os.fork()
    if pid == 0:
        # it makes namespaces of its own, and leaves none
        out = {}
        try:
            out = real.alone(SECONDS, 3)
        finally:
            with open('out/real.json', 'w') as f:
                json.dump(out, f)
            os._exit(0)
    os.waitpid(pid, 0)
    with open('out/real.json') as f:
        rows = json.load(f)
    os.unlink('out/real.json')
    for k in sorted(rows):
        client, program, kind = k.split('|')
        row('%s, %s, TCP %s (%.2f Gbit/s)' % (
            client, os.path.basename(program), kind, rows[k][0]),
            rows[k][1], 'CPU-s/GB')
    draw(rows)


def draw(rows):
    """CPU seconds a gigabyte, by program, of single flows."""
    if not rows:
        print('out/bench.svg: no figures')
        return
    with open('out/bench.dat', 'w') as f:
        f.write('what up down\n')
        for c in sorted({k.rpartition('|')[0] for k in rows}):
            client, program = c.split('|')
            f.write('"%s\\n%s" %.3f %.3f\n' % (
                os.path.basename(program), client, rows[c + '|up'][1],
                rows[c + '|down'][1]))
    if shutil.which('gnuplot') is None:
        print('out/bench.svg: gnuplot is not installed')
        return
    drawn = subprocess.run(['gnuplot'], text=True, check=False, input="""
set terminal svg size 900,420 font 'sans,11' background rgb 'white'
set output 'out/bench.svg'
set title 'Processor seconds of the gateway for a gigabyte of TCP'
set style data histograms; set style fill solid 0.8 border -1
set boxwidth 0.9; set yrange [0:*]; set grid y; set key top left
set xtics font 'sans,8'
plot 'out/bench.dat' using 2:xtic(1) title 'guests send', \
     '' using 3 title 'guests receive'
""")
    print('out/bench.svg: ' + ('not drawn' if drawn.returncode else 'drawn'))


def reload_time(g):
    t = time.monotonic()
    subprocess.run([C, '-s', g.sock, 'reload'], check=True)
    return time.monotonic() - t


def quiet(g):
    """Bytes when connections have put away what they can."""
    time.sleep(3)
    return pss(g.pids)[1]


def sizes():
    g = Gateway(1)
    try:
        time.sleep(1)
        idle, own = pss(g.pids)
    finally:
        g.stop()
    row('idle, proportional (anonymous %.1f)' % (own / 1e6), idle / 1e6,
        'MB', None, '<= 16')
    g = Gateway(10000)
    try:
        time.sleep(1)
        many = pss(g.pids)[0]
        row('10,000 peers, more than that', (many - idle) / 1e6, 'MB', None,
            '<= 40')
        row('reload of 10,000 peers', reload_time(g), 's', None, '<= 1')
    finally:
        g.stop()
    # as many as the descriptors of this machine allow
    flows = min(100000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] * 6
                // 10)
    g = Gateway(8)
    try:
        time.sleep(1)
        before = pss(g.pids)[1]
        r = g.load('hold', 8, flows, at=lambda: quiet(g), seconds=5)
        row('%d idle TCP flows, each' % flows, (r['at'] - before) / flows,
            'B', None, '<= 512')
        row('100,000 of them, by that', (r['at'] - before) / flows / 10,
            'MB', None, '<= 128')
    finally:
        g.stop()


def main():
    begun = times()
    print('%-46s %10s %-9s %8s  %s' % ('figure', 'value', '', 'ratio',
                                       'target'))
    serve = subprocess.Popen([LOAD, 'serve', str(SERVE)],
                             stdout=subprocess.PIPE, text=True)
    serve.stdout.readline()
    try:
        transfers()
        latency_paced()
        across()
        floods()
        herd()
        scale()
        sizes()
    finally:
        serve.kill()
    sys.stdout.flush()
    os.makedirs('out', exist_ok=True)
    clients()
    # of all above: who shares a busy host with others measures them
    row('time that the machine was not given', share(begun)[1] * 100, '%',
        None, '0, or times mean little')
    with open('out/bench.json', 'w') as f:
        json.dump(ROWS, f, indent=1)
    beside.measure(row, load, keys, public, LOAD, SERVE, PORT)


if __name__ == '__main__':
    main()
