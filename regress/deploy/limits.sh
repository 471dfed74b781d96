#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Run the programs as a container would: a root directory that cannot be
# written, a small /tmp, an unprivileged user, no capability, nothing to gain by
# execve(2).  Called in namespaces of its own by deploy.py.
#
# usage: limits.sh ROOT PROGRAMS COMMAND...
set -eu
root=$1
programs=$2
shift 2

mount --make-rprivate /
mount --bind "$root" "$root"
mkdir "$root/tmp" "$root/app" "$root/proc" "$root/dev" "$root/var" \
    "$root/var/empty"
for d in usr lib lib64 bin etc; do
	[ -e "/$d" ] || continue
	mkdir "$root/$d"
	mount --rbind "/$d" "$root/$d"
done
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
cp "$programs"/wgslirpd/wgslirpd "$programs"/wgslirpctl/wgslirpctl "$root/app"
chmod 755 "$root" "$root/app"
mount -t tmpfs -o size=1m,mode=1777 tmpfs "$root/tmp"
mount -o remount,bind,ro "$root"
ip link set lo up

who=
[ "$(id -u)" -ne 0 ] || who='--reuid 65534 --regid 65534 --clear-groups'
# shellcheck disable=SC2086
exec chroot "$root" setpriv --no-new-privs --bounding-set=-all \
    --inh-caps=-all --ambient-caps=-all $who "$@"
