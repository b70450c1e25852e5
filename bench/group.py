"""The processes of one server: a control group of version 2, which counts the
CPU time of all of them, those that have ended included."""

import os
import re
import signal
import subprocess
import time


def mount_point():
    """Where version 2 is mounted, beside version 1 or alone; None: nowhere."""
    with open("/proc/mounts") as mounts:
        for line in mounts:
            fields = line.split()
            if fields[2] == "cgroup2":
                return fields[1]
    return None


def usable():
    """Why there can be no groups, or None."""
    top = mount_point()
    if top is None:
        return "no cgroup version 2 is mounted"
    if not os.access(top, os.W_OK):
        return "%s is not writable (root?)" % top
    return None


class Group:
    def __init__(self, name):
        self.name = "smtpsubmitd-bench.%d.%s" % (os.getpid(), name)
        self.path = os.path.join(mount_point(), self.name)
        os.mkdir(self.path)

    def enter(self):
        """For Popen's preexec_fn: the child and all that come of it."""
        with open(os.path.join(self.path, "cgroup.procs"), "w") as f:
            f.write("0")

    def popen(self, command, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(command, preexec_fn=self.enter,
                                start_new_session=True, **more)

    def cpu(self):
        """Seconds, user and system."""
        with open(os.path.join(self.path, "cpu.stat")) as f:
            return int(re.search(r"usage_usec (\d+)", f.read())[1]) / 1e6

    def pids(self):
        with open(os.path.join(self.path, "cgroup.procs")) as f:
            return [int(line) for line in f]

    def quiet(self, seconds=5.0):
        """Waits until nothing of it has run for a while."""
        end = time.monotonic() + seconds
        last, same = self.cpu(), 0
        while time.monotonic() < end and same < 3:
            time.sleep(0.02)
            used = self.cpu()
            same = same + 1 if used - last < 0.0005 else 0
            last = used

    def memory(self):
        """Sums over the processes, KiB: PSS, what is private and written,
        and how many they are."""
        pss = dirty = count = 0
        for pid in self.pids():
            try:
                with open("/proc/%d/smaps_rollup" % pid) as f:
                    text = f.read()
            except OSError:
                continue
            found = dict(re.findall(r"^(Pss|Private_Dirty): +(\d+) kB", text,
                                    re.M))
            if found:
                pss += int(found["Pss"])
                dirty += int(found["Private_Dirty"])
                count += 1
        return pss, dirty, count

    def peak(self):
        """KiB: the sum of the highest resident sets of those alive; and the
        octets they had written to files that are on a disk."""
        resident = written = 0
        for pid in self.pids():
            try:
                with open("/proc/%d/status" % pid) as f:
                    found = re.search(r"^VmHWM:\s+(\d+) kB", f.read(), re.M)
                with open("/proc/%d/io" % pid) as f:
                    io = re.search(r"^write_bytes: (\d+)", f.read(), re.M)
            except OSError:
                continue
            resident += int(found[1]) if found else 0
            written += int(io[1]) if io else 0
        return resident, written

    def end(self, patience=3.0):
        """SIGTERM to all, then SIGKILL, until the group is gone."""
        if not os.path.exists(self.path):
            return
        for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
            end = time.monotonic() + wait
            for pid in self.pids():
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            while self.pids() and time.monotonic() < end:
                time.sleep(0.02)
        for _ in range(50):
            try:
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.05)
