#!/bin/bash
# Makes a copy of this machine's file system that is gone with the mount namespace. Source it as
# root in a mount namespace of its own; `root` is the copy then.

overlay=$(mktemp -d)
mount -t tmpfs tmpfs "$overlay"
mkdir "$overlay/upper" "$overlay/work" "$overlay/root"
root=$overlay/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$overlay/upper,workdir=$overlay/work" "$root"
# What an installation of this machine's own may have left.
rm -rf "$root/etc/kinglet" "$root/var/lib/kinglet" "$root/var/log/kinglet"
rm -f "$root/usr/sbin/policy-rc.d"

# Only the directory itself is on the machine's disk; the mounts end with the namespace.
overlay_end() {
    umount -l "$overlay"
    rmdir "$overlay"
}
