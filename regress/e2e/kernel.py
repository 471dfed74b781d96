# SPDX-License-Identifier: ISC
"""The gateway and Linux's own WireGuard, in a virtual machine.

usage: kernel.py DIR
DIR is what "etc/setup kernel DIR" unpacked.  The machine is emulated (no
KVM), its network is QEMU's user-mode one, inside the client's namespace.
"""

import gzip
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from net import (Net, check, enter, wait_for, GATE4, GATE6,  # noqa: E402
                 SERVER4, SERVER6)

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = 3000000
TIMEOUT = 240
WANTED = ('virtio_pci', 'virtio_net', 'wireguard')


def depends(path):
    with open(path, 'rb') as f:
        m = re.search(rb'\0depends=([^\0]*)\0', f.read())
    return [d for d in m.group(1).decode().split(',') if d]


def modules(top):
    """The modules that are wanted and what they need, in order."""
    paths = {}
    for d, _, files in os.walk(top):
        for f in files:
            if f.endswith('.ko'):
                paths[f[:-3].replace('-', '_')] = os.path.join(d, f)
    order = []

    def add(name):
        path = paths.get(name.replace('-', '_'))
        if path is None or path in order:
            return              # built in
        for d in depends(path):
            add(d)
        order.append(path)
    for w in WANTED:
        add(w)
    return order


class Archive:
    """A cpio archive (newc), as the kernel unpacks it."""

    def __init__(self):
        self.data = bytearray()
        self.dirs = set()

    def entry(self, name, mode, data=b''):
        self.data += b'070701' + b''.join(b'%08x' % v for v in (
            len(self.data) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0,
            len(name) + 1, 0)) + name.encode() + b'\0'
        self.pad()
        self.data += data
        self.pad()

    def pad(self):
        self.data += b'\0' * (-len(self.data) % 4)

    def add(self, name, data, mode=0o100644):
        d = os.path.dirname(name)
        parts = d.split('/') if d else []
        for i in range(len(parts)):
            p = '/'.join(parts[:i + 1])
            if p not in self.dirs:
                self.dirs.add(p)
                self.entry(p, 0o40755)
        self.entry(name, mode, data)

    def add_file(self, name, path, mode=0o100755):
        with open(path, 'rb') as f:
            self.add(name, f.read(), mode)

    def write(self, path):
        self.entry('TRAILER!!!', 0)
        with gzip.open(path, 'wb', 1) as f:
            f.write(bytes(self.data))


def libraries(path):
    out = subprocess.run(['ldd', path], capture_output=True, text=True,
                         check=True).stdout
    return re.findall(r'(/\S+) \(0x', out)


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
    order = modules(os.path.join(top, 'modules'))
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


def results(n, qemu, log):
    """Lines of the machine's console, until it ends."""
    def ended():
        with open(log, errors='replace') as f:
            text = f.read()
        return text if 'RESULT end' in text or qemu.poll() is not None \
            else None
    text = wait_for(ended, TIMEOUT, 'the virtual machine')
    check('RESULT end' in text, 'the machine died:', text[-2000:])
    return re.findall(r'RESULT (.*?)\r?\n', text)


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
        qemu = n.spawn('c', [
            'qemu-system-x86_64', '-accel', 'tcg', '-cpu', 'max', '-m',
            '384', '-nographic', '-no-reboot', '-nodefaults', '-serial',
            'stdio', '-kernel', os.path.join(top, 'vmlinuz'), '-initrd',
            image, '-append', 'console=ttyS0 panic=-1 quiet',
            '-netdev', 'user,id=n,ipv6-net=fd00:2::/64', '-device',
            'virtio-net-pci,netdev=n,romfile='], log=log)
        for line in results(n, qemu, log):
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
