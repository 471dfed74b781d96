# SPDX-License-Identifier: ISC
"""The gateway and Linux's own WireGuard, in a virtual machine.

usage: kernel.py DIR
DIR is what "etc/setup kernel DIR" unpacked.  The machine is emulated (no
KVM), its network is QEMU's user-mode one, inside the client's namespace.
"""

import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from machine import Archive, libraries, modules, qemu, results  # noqa: E402
from net import (Net, check, enter, wait_for, GATE4, GATE6,  # noqa: E402
                 SERVER4, SERVER6)

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = 3000000
WANTED = ('virtio_pci', 'virtio_net', 'wireguard')


def make_image(n, top, path):
    a = Archive()
    a.entry('dev', 0o40755)
    a.dirs.add('dev')
    a.entry('dev/console', 0o20600)
    a.add_file('init', os.path.join(HERE, 'kernel-init'))
    a.add_file('bin/busybox', shutil.which('busybox'))
    libs = set()
    for prog in ('wg', 'bash'):
        a.add_file('bin/' + prog, shutil.which(prog))
        libs.update(libraries(shutil.which(prog)))
    for lib in sorted(libs):
        a.add_file(lib.lstrip('/'), os.path.realpath(lib))
    order = modules(os.path.join(top, 'modules'), WANTED)
    for m in order:
        a.add_file('modules/' + os.path.basename(m), m, 0o100644)
    a.add('modules/order', ''.join(os.path.basename(m) + '\n'
                                   for m in order).encode())
    with open(n.client_conf()) as f:
        a.add('wg.conf', f.read().encode())
    a.add_file('other.key', os.path.join(n.dir, 'x.key'), 0o100600)
    a.add('blob', os.urandom(SIZE))
    a.add('params', ('GATE4=%s\nGATE6=%s\nSERVER4=%s\nSERVER6=%s\n'
                     'SIZE=%d\nDIGEST=%s\nPEER=%s\n' % (
                         GATE4, GATE6, SERVER4, SERVER6, SIZE,
                         server.digest(SIZE), n.pub('s'))).encode())
    a.write(path)


def main():
    top = sys.argv[1]
    n = Net()
    passed = failed = 0
    try:
        n.start_server()
        n.start(n.conf(extra='peer "other" {\n\tpublic key "%s"\n'
                             '\tallowed ips { 10.77.0.3/32 fd77::3/128 }\n}'
                       % n.pub('x')))
        image = os.path.join(n.dir, 'initrd')
        log = os.path.join(n.dir, 'console')
        make_image(n, top, image)
        vm = n.spawn('c', qemu(os.path.join(top, 'vmlinuz'), image, 384) + [
            '-netdev', 'user,id=n,ipv6-net=fd00:2::/64', '-device',
            'virtio-net-pci,netdev=n,romfile='], log=log)
        for line in results(vm, log):
            if line.startswith('ok'):
                passed += 1
                print('ok   kernel/' + line[3:])
            elif line.startswith('FAIL'):
                failed += 1
                print('FAIL kernel/' + line[5:])
        p = {x['name']: x for x in n.ctlj('show', 'peers')['peers']}
        c = n.ctlj('show', 'counters')
        check(p['laptop']['rx_bytes'] > 2 * SIZE and
              p['laptop']['tx_bytes'] > 2 * SIZE, p)
        check(c['wg_drop_source'] > 0, 'foreign source', c)
        check(p['other']['latest_handshake'] > 0, 'key change', p)
        passed += 1
        if failed:
            print(n.logtext()[-2000:])
    except Exception as e:
        failed += 1
        print('FAIL kernel: %s: %s' % (type(e).__name__, e))
    finally:
        n.close()
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    enter()
    sys.exit(main())
