#!/bin/sh
# Runs vpce-agent.service under a systemd of its own, on a copy of this host that nobody else
# sees, and in the network namespace that it is started in:
#
#   deploy/try-unit.sh AGENT VPCECTL CONFIG
#
# It says which process that systemd is; from there on
#
#   nsenter --target PROCESS --mount --pid --net systemctl status vpce-agent
#   nsenter --target PROCESS --mount --pid --net vpcectl get endpoints
#
# It ends on SIGINT or SIGTERM, and leaves nothing behind: the copy lies in memory, and so do the
# pins. Needs root, overlayfs and cgroup2. tests/tests/deploy.rs uses it.
set -eu

# Second stage, in namespaces of its own: makes the copy and becomes its first process.
if [ "${1-}" = --inside ]; then
    deploy=$2 agent=$3 vpcectl=$4 config=$5 root=/mnt/root
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work $root
    mount --rbind /dev $root/dev
    mount -t sysfs sysfs $root/sys
    mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
    # As systemd itself mounts it on a host.
    mount -t bpf -o mode=700 bpf $root/sys/fs/bpf
    for dir in run tmp; do mount -t tmpfs tmpfs $root/$dir; done

    install -m 755 "$agent" $root/usr/bin/vpce-agent
    install -m 755 "$vpcectl" $root/usr/bin/vpcectl
    install -D -m 644 "$config" $root/etc/vpce/vpce.toml
    rm -rf $root/var/lib/vpce
    # Only these units: nothing else of this host starts a second time.
    units=$root/run/units
    mkdir $units $units/vpce-agent.service.d
    cp "$deploy/vpce-agent.service" $units
    printf '[Service]\nStandardOutput=append:/run/agent.log\nStandardError=inherit\n' >$units/vpce-agent.service.d/log.conf
    for target in sysinit basic network shutdown; do
        printf '[Unit]\nDefaultDependencies=no\n' >$units/$target.target
    done
    printf '[Unit]\nDefaultDependencies=no\nWants=vpce-agent.service\n' >$units/default.target

    # Of the host's /proc still, so it is the number that the host knows.
    read -r process _ </proc/self/stat
    mount -t proc proc $root/proc
    cd $root
    mkdir -p mnt
    pivot_root . mnt
    umount -l mnt
    echo "systemd is process $process"
    exec env -i container=try-unit PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_UNIT_PATH=/run/units \
        SYSTEMD_GENERATOR_PATH=/none /lib/systemd/systemd --system --log-target=null --show-status=no
fi

# First stage, in a mount namespace of its own: a place in memory, and a group of processes.
if [ "${1-}" = --outside ]; then
    shift
    mount --make-rprivate /
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/upper /mnt/work /mnt/root /mnt/cgroup
    mount -t cgroup2 cgroup2 /mnt/cgroup
    group=/mnt/cgroup/vpce-try-unit-$$
    mkdir "$group"
    sh -c 'echo 0 >"$1/cgroup.procs" && shift && exec "$@"' - "$group" \
        unshare --cgroup --pid --mount --uts --ipc --fork --kill-child sh "$0" --inside "$@" &
    child=$!
    trap 'kill -KILL $child' INT TERM
    wait $child || status=$?
    # The first wait ends by a signal to us, the second one with the child.
    wait $child || true
    for _ in $(seq 50); do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && exit 0
        sleep 0.1
    done
    echo "the cgroup $group stays" >&2
    exit "${status:-1}"
fi

[ $# = 3 ] || { sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 2; }
exec unshare --mount sh "$0" --outside "$(cd "$(dirname "$0")" && pwd)" "$@"
