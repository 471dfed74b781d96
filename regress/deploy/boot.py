#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
The package in a booted system: a root of this host's own Debian packages,
ours installed in it by dpkg, and systemd started from it in a virtual
machine.  boot-try, inside, does what an administrator does, with Linux's own
WireGuard for a phone.

usage: boot.py DIR PACKAGE
DIR is what "etc/setup kernel DIR" unpacked, PACKAGE what "make deb" made.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
from machine import Archive, modules, qemu, results  # noqa: E402

PACKAGES = ('systemd', 'dbus', 'libpam-systemd', 'init-system-helpers',
            'adduser', 'iproute2', 'iputils-ping', 'wireguard-tools',
            'procps', 'dpkg', 'bash', 'coreutils', 'grep', 'sed', 'mawk',
            'util-linux', 'login', 'perl-base', 'findutils', 'base-files',
            'diffutils', 'hostname', 'dash', 'libc-bin',
            'base-passwd')
WANTED = ('wireguard', 'veth', 'autofs4')
LEFT_OUT = re.compile(r'/usr/share/(doc|man|locale|info|lintian)/|'
                      r'/usr/lib/x86_64-linux-gnu/gconv/')


def status():
    """Paragraphs of dpkg's database, by package."""
    known = {}
    with open('/var/lib/dpkg/status') as f:
        for text in f.read().split('\n\n'):
            name = re.search(r'^Package: (.*)$', text, re.M)
            if name and re.search(r'^Status: .* installed$', text, re.M):
                known.setdefault(name.group(1), text)
    return known


def closure(known, names):
    """These packages and what they depend on, as they are on this host."""
    provides = {}
    for name, text in known.items():
        m = re.search(r'^Provides: (.*)$', text, re.M)
        for p in m.group(1).split(',') if m else []:
            provides.setdefault(p.split()[0], name)
    found = set()

    def add(name):
        name = name if name in known else provides.get(name)
        if name is None or name in found:
            return name is not None
        found.add(name)
        for field in re.findall(r'^(?:Pre-)?Depends: (.*)$', known[name],
                                re.M):
            for group in field.split(','):
                any(add(re.split(r'[ :(]', a.strip())[0])
                    for a in group.split('|'))
        return True
    for n in names:
        if not add(n):
            raise SystemExit('boot: this host has no package ' + n)
    return sorted(found)


def files(package):
    out = subprocess.run(['dpkg-query', '-L', package], capture_output=True,
                         text=True, check=True).stdout
    return [p for p in out.splitlines() if p.startswith('/')]


def make_root(root, package):
    known = status()
    depends = subprocess.run(['dpkg-deb', '-f', package, 'Depends'],
                             capture_output=True, text=True,
                             check=True).stdout
    names = closure(known, PACKAGES + tuple(
        re.split(r'[ :(]', d.strip())[0] for d in depends.split(',')))
    for d in ('usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64'):
        os.makedirs(os.path.join(root, d))
        os.symlink(d, os.path.join(root, os.path.basename(d)))
    info = os.path.join(root, 'var/lib/dpkg/info')
    os.makedirs(info)
    for name in names:
        for path in files(name):
            to = root + path
            if LEFT_OUT.search(path) or not os.path.lexists(path):
                continue
            if os.path.islink(path):
                os.makedirs(os.path.dirname(to), exist_ok=True)
                if not os.path.lexists(to):
                    os.symlink(os.readlink(path), to)
            elif os.path.isdir(path):
                os.makedirs(to, exist_ok=True)
                if not os.path.islink(to):
                    shutil.copystat(path, to)
            else:
                os.makedirs(os.path.dirname(to), exist_ok=True)
                shutil.copy2(path, to)
        for end in ('', ':' + arch()):
            for kind in ('list', 'md5sums'):
                f = '/var/lib/dpkg/info/%s%s.%s' % (name, end, kind)
                if os.path.exists(f):
                    shutil.copy2(f, info)
    with open(os.path.join(root, 'var/lib/dpkg/status'), 'w') as f:
        f.write('\n\n'.join(known[n] for n in names) + '\n')
    etc = os.path.join(root, 'etc')
    for a, b in (('passwd', 'passwd.master'), ('group', 'group.master')):
        shutil.copy2('/usr/share/base-passwd/' + b, os.path.join(etc, a))
    write(etc + '/shadow', ''.join(
        line.split(':')[0] + ':*:19000:0:99999:7:::\n'
        for line in open(etc + '/passwd')))
    write(etc + '/hostname', 'gateway\n')
    write(etc + '/machine-id', '')
    for d, mode in (('tmp', 0o1777), ('run', 0o755), ('proc', 0o555),
                    ('sys', 0o555), ('dev', 0o755), ('root', 0o700)):
        os.makedirs(os.path.join(root, d), exist_ok=True)
        os.chmod(os.path.join(root, d), mode)
    # what its own programs would have made when Debian was installed
    shutil.copytree('/etc/pam.d', etc + '/pam.d', dirs_exist_ok=True)
    subprocess.run(['ldconfig', '-r', root], check=True)
    chroot(root, 'update-passwd')
    if not os.path.lexists(root + '/usr/bin/awk'):
        os.symlink('mawk', root + '/usr/bin/awk')


def arch():
    return subprocess.run(['dpkg', '--print-architecture'], text=True,
                          capture_output=True, check=True).stdout.strip()


def write(path, text, mode=0o644):
    with open(path, 'w') as f:
        f.write(text)
    os.chmod(path, mode)


def chroot(root, command):
    p = subprocess.run(
        ['chroot', root, '/bin/sh', '-ec', command], text=True,
        capture_output=True, env={
            'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C',
            'DEBIAN_FRONTEND': 'noninteractive'})
    if p.returncode != 0:
        raise SystemExit('boot: %s: %s' % (command, p.stdout + p.stderr))
    return p.stdout


def make_image(t, top, root):
    tar = os.path.join(t, 'root.tar')
    with tarfile.open(tar, 'w') as f:
        f.add(root, '.')
    a = Archive()
    a.entry('dev', 0o40755)
    a.dirs.add('dev')
    a.entry('dev/console', 0o20600)
    a.add_file('init', os.path.join(HERE, 'boot-init'))
    busybox = shutil.which('busybox')
    a.add_file('bin/busybox', busybox)
    order = modules(os.path.join(top, 'modules'), WANTED)
    for m in order:
        a.add_file('modules/' + os.path.basename(m), m, 0o100644)
    a.add('modules/order', ''.join(os.path.basename(m) + '\n'
                                   for m in order).encode())
    a.add_file('root.tar', tar, 0o100644)
    path = os.path.join(t, 'initrd')
    a.write(path)
    return path


def main():
    top, package = sys.argv[1:3]
    passed = failed = 0
    t = tempfile.mkdtemp()
    try:
        root = os.path.join(t, 'root')
        os.mkdir(root)
        os.chmod(root, 0o755)
        make_root(root, package)
        shutil.copy(package, root + '/root/wgslirpd.deb')
        chroot(root, 'dpkg -i /root/wgslirpd.deb 2>&1')
        shutil.copy(os.path.join(HERE, 'boot-try'), root + '/root/boot-try')
        units = root + '/etc/systemd/system'
        write(units + '/boot-try.service',
              '[Unit]\nAfter=wgslirpd.service\n[Service]\nType=oneshot\n'
              'ExecStart=/root/boot-try\nStandardOutput=tty\n'
              'StandardError=tty\nTTYPath=/dev/ttyS0\n')
        # a password's hash takes most of a minute in an emulator
        os.makedirs(units + '/wgslirpd.service.d')
        write(units + '/wgslirpd.service.d/slow.conf',
              '[Service]\nWatchdogSec=600\n')
        wants = units + '/multi-user.target.wants'
        os.makedirs(wants, exist_ok=True)
        os.symlink('../boot-try.service', wants + '/boot-try.service')
        image = make_image(t, top, root)
        log = os.path.join(t, 'console')
        with open(log, 'w') as out:
            vm = subprocess.Popen(
                qemu(os.path.join(top, 'vmlinuz'), image, 1500),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            lines = results(vm, log, int(os.environ.get('WAIT', 1500)))
        finally:
            vm.kill()
            vm.wait()
        for line in lines:
            if line.startswith('ok'):
                passed += 1
            elif line.startswith('FAIL'):
                failed += 1
                print('FAIL boot/' + line[5:])
        if failed or '-v' in sys.argv:
            print(open(log, errors='replace').read())
    except (Exception, SystemExit) as e:
        failed += 1
        print('FAIL boot: %s: %s' % (type(e).__name__, e))
        if os.path.exists(t + '/console'):
            print(open(t + '/console', errors='replace').read()[-6000:])
    finally:
        shutil.rmtree(t)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
