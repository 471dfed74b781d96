#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The house: no process reaches into another, no circle of files.

The include path alone does not keep a file from including "../slirp/x.h",
or from writing a prototype by hand.  So this reads what the compiler wrote
down of each object (.d) and what the linker will see (nm), and fails on

- an object of one process that was made from a header of another,
- an object that uses a symbol of another process,
- an arrow from a lower floor to an upper one,
- a circle of files,
- a header of more than 250 lines.

usage: house.py [TREE]	after "make all" there
"""

import os
import re
import subprocess
import sys
import tempfile

# Each floor may use those in its list, besides itself and the system's.
FLOORS = {
    'common': (),
    'wgslirpd/msg': ('common',),
    'wgslirpd/proc': ('common', 'wgslirpd/msg'),
    'wgslirpd/crypto/wg': ('common',),
    'wgslirpd/crypto': ('common', 'wgslirpd/msg', 'wgslirpd/proc',
                        'wgslirpd/crypto/wg'),
    'wgslirpd/slirp/net': ('common', 'wgslirpd/msg'),
    'wgslirpd/slirp/tcp': ('common', 'wgslirpd/msg', 'wgslirpd/slirp/net'),
    'wgslirpd/slirp': ('common', 'wgslirpd/msg', 'wgslirpd/proc',
                       'wgslirpd/slirp/net', 'wgslirpd/slirp/tcp'),
    'wgslirpd/control': ('common', 'wgslirpd/msg', 'wgslirpd/proc'),
    'wgslirpd/derp': ('common', 'wgslirpd/msg', 'wgslirpd/proc'),
    'wgslirpd/web': ('common', 'wgslirpd/msg', 'wgslirpd/proc'),
    'wgslirpd/files': ('common', 'wgslirpd/msg', 'wgslirpd/proc'),
    'wgslirpd/parent': ('common', 'wgslirpd/msg', 'wgslirpd/proc'),
    'wgslirpctl': ('common',),
    'wgslirp-sync': ('common',),
}

# The one door: the program that was executed again becomes a child.
DOORS = {('wgslirpd/parent/main.o', s) for s in
         ('crypto_main', 'slirp_main', 'control_main', 'derp_main',
          'web_main', 'files_main')}

HEADER_LINES = 250

# Circles that are still there.  This list may only become shorter.
CIRCLES = [
]


def floor(path):
    """The floor that a file stands on, or None."""
    d = os.path.dirname(path)
    while d and d not in FLOORS:
        d = os.path.dirname(d)
    return d or None


def objects(top):
    """Objects of the two programs that have a source still."""
    for base in ('common', 'wgslirpd', 'wgslirpctl', 'wgslirp-sync'):
        for d, _, names in os.walk(os.path.join(top, base)):
            for n in sorted(names):
                o = os.path.relpath(os.path.join(d, n), top)
                if n.endswith('.o') and any(
                        os.path.exists(os.path.join(top, o[:-2] + e))
                        for e in ('.c', '.y')):
                    yield o


def made_from(top, o):
    """Files of the tree that an object was made from."""
    with open(os.path.join(top, o[:-2] + '.d')) as f:
        text = f.read().replace('\\\n', ' ')
    deps = text.split('\n')[0].split(':', 1)[1].split()
    return [os.path.normpath(d) for d in deps if not d.startswith('/')]


def symbols(top, objs):
    """Names that others can see: of each object those defined, and used."""
    out = subprocess.run(['nm', '-g', '-A'] + objs, check=True, cwd=top,
                         capture_output=True, text=True).stdout
    defined = {o: set() for o in objs}
    used = {o: set() for o in objs}
    for line in out.splitlines():
        o, _, rest = line.partition(':')
        *_, kind, name = rest.split()
        (used if kind == 'U' else defined)[o].add(name)
    return defined, used


def included(top, path):
    """Files of the tree that a source includes itself, in quotes."""
    with open(os.path.join(top, path)) as f:
        return re.findall(r'^#include "([^"]+)"', f.read(), re.M)


def circles(graph):
    """Strongly connected components of more than one node (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in graph.get(v, ()):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            part = []
            while True:
                w = stack.pop()
                part.append(w)
                if w == v:
                    break
            if len(part) > 1:
                found.append(sorted(part))

    for v in sorted(graph):
        if v not in index:
            visit(v)
    return sorted(found)


def look(top):
    """What is wrong with the tree: lines of text by kind of check."""
    wrong = {'header': [], 'symbol': [], 'circle': [], 'long': []}
    objs = list(objects(top))
    deps = {o: made_from(top, o) for o in objs}
    home = {}
    defined, used = symbols(top, objs)
    for o in objs:
        for s in defined[o]:
            home.setdefault(s, o)

    for o in objs:
        here = floor(o)
        for d in deps[o]:
            there = floor(d)
            if there and there != here and there not in FLOORS[here]:
                wrong['header'].append('%s was made from %s' % (o, d))
        for s in used[o]:
            there = floor(home[s]) if s in home else None
            if there and there != here and there not in FLOORS[here] and \
                    (o, s) not in DOORS:
                wrong['symbol'].append('%s uses %s of %s' % (
                    o, s, home[s]))

    # a source and its header are one node
    files = {f for o in objs for f in deps[o]}
    graph = {os.path.splitext(f)[0]: set() for f in files}
    by_name = {}
    for f in files:
        by_name.setdefault(os.path.basename(f), []).append(f)
    for f in files:
        node = os.path.splitext(f)[0]
        for i in included(top, f):
            for other in by_name.get(os.path.basename(i), ()):
                if other == os.path.normpath(os.path.join(
                        os.path.dirname(f), i)) or other.endswith('/' + i) \
                        and (floor(other) == floor(f) or
                             floor(other) in FLOORS[floor(f)]):
                    graph[node].add(os.path.splitext(other)[0])
    for o in objs:
        for s in used[o]:
            if s in home and (o, s) not in DOORS:
                graph[o[:-2]].add(home[s][:-2])
    for node in graph:
        graph[node].discard(node)
    for part in circles(graph):
        if part not in CIRCLES:
            wrong['circle'].append(' '.join(part))
    for f in sorted(files):
        if f.endswith('.h') and not f.endswith('/parse.h'):
            with open(os.path.join(top, f)) as h:
                n = len(h.readlines())
            if n > HEADER_LINES:
                wrong['long'].append('%s has %d lines' % (f, n))
    return wrong


def write(top, path, text):
    path = os.path.join(top, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)


def self_test():
    """A small tree with every fault; each of them has to be found."""
    with tempfile.TemporaryDirectory() as top:
        write(top, 'wgslirpd/slirp/secret.h', 'int secret(void);\n')
        write(top, 'wgslirpd/slirp/secret.c',
              '#include "secret.h"\nint secret(void) { return 1; }\n')
        write(top, 'wgslirpd/crypto/a.h', 'int a(void);\n' + '\n' * 300)
        write(top, 'wgslirpd/crypto/a.c',
              '#include "a.h"\n#include "../slirp/secret.h"\n'
              'int b(void); int a(void) { return b() + secret(); }\n')
        write(top, 'wgslirpd/crypto/b.c',
              'int a(void); int b(void); int secret(void);\n'
              'int b(void) { return a() + secret(); }\n')
        for c in ('slirp/secret', 'crypto/a', 'crypto/b'):
            subprocess.run(['cc', '-MMD', '-c', '-o', 'wgslirpd/%s.o' % c,
                            'wgslirpd/%s.c' % c], cwd=top, check=True)
        wrong = look(top)
        return (wrong['header'] ==
                ['wgslirpd/crypto/a.o was made from wgslirpd/slirp/secret.h']
                and len(wrong['symbol']) == 2 and
                wrong['circle'] == ['wgslirpd/crypto/a wgslirpd/crypto/b']
                and len(wrong['long']) == 1)


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), '../..')
    wrong = look(top)
    passed = failed = 0
    for kind, lines in wrong.items():
        passed += not lines
        failed += bool(lines)
        for line in lines:
            print('FAIL house: %s: %s' % (kind, line))
    if self_test():
        passed += 1
    else:
        failed += 1
        print('FAIL house: a tree with every fault was not noticed')
    print('%d passed, %d failed' % (passed, failed))
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
