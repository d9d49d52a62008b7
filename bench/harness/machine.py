"""What the figures were taken on, and how busy it was."""
import os
import platform


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def memory_gigabytes():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def load():
    """Mean number of runnable processes over the last minute."""
    return round(os.getloadavg()[0], 2)


def describe():
    return {"processor": processor(), "cores": os.cpu_count(), "memory_gb": memory_gigabytes(),
            "kernel": platform.release(), "load": load()}


def processor_seconds(pid):
    """Processor time that a process has used, all its threads together."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9
