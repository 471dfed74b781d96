# SPDX-License-Identifier: ISC
"""A virtual machine with Debian's kernel, emulated, and what it prints."""

import gzip
import os
import re
import subprocess

from net import check, wait_for


def depends(path):
    with open(path, 'rb') as f:
        m = re.search(rb'\0depends=([^\0]*)\0', f.read())
    return [d for d in m.group(1).decode().split(',') if d]


def modules(top, wanted):
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
    for w in wanted:
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


def qemu(kernel, image, megabytes):
    """The command that boots it; its console is standard output."""
    return ['qemu-system-x86_64', '-accel', 'tcg', '-cpu', 'max', '-m',
            str(megabytes), '-nographic', '-no-reboot', '-nodefaults',
            '-serial', 'stdio', '-kernel', kernel, '-initrd', image,
            '-append', 'console=ttyS0 panic=-1 quiet']


def results(vm, log, timeout=240):
    """Lines of the machine's console, until it ends."""
    def ended():
        with open(log, errors='replace') as f:
            text = f.read()
        return text if 'RESULT end' in text or vm.poll() is not None \
            else None
    text = wait_for(ended, timeout, 'the virtual machine')
    check('RESULT end' in text, 'the machine died:', text[-2000:])
    return re.findall(r'RESULT (.*?)\r?\n', text)
