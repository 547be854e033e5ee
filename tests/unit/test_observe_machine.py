"""What Linux tells in /proc and /sys, read from a root folder of the test's own."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tenantry.observe import cgroup, linux, sockets
from tenantry.observe.kernel import TICKS
from tenantry.observe.processes import Process, everybody, family, named, process

STAT = """cpu  1000 200 300 5000 70 10 20 30 0 0
cpu0 500 100 150 2500 35 5 10 15 0 0
cpu1 500 100 150 2500 35 5 10 15 0 0
ctxt 123456
procs_running 7
procs_blocked 2
"""
DISKS = """   8       0 sda 100 5 2000 50 200 7 4000 90 3 120 140 0 0 0 0
   8       1 sda1 100 5 2000 50 200 7 4000 90 3 120 140 0 0 0 0
   7       0 loop0 100 5 2000 50 0 0 0 0 0 120 140 0 0 0 0
"""
SNMP = "Tcp: AttemptFails OutSegs RetransSegs\nTcp: 4 9000 12\nUdp: InDatagrams\nUdp: 1\n"
NETSTAT = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 5 6\n"
PRESSURE = "some avg10=12.50 avg60=1.00 avg300=0.10 total=4200\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=17\n"
TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000009 00:00000000 00000000     0        0 777 1 0 100 0 0 10 0
   1: 0100007F:8000 0100007F:1F40 01 00000000:00000000 00:00000000 00000000     0        0 778 1 0 100 0 0 10 0
   2: 0100007F:8001 0100007F:1F40 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 100 0 0 10 0
   3: 0100007F:8002 0100007F:1538 01 00000000:00000000 00:00000000 00000000     0        0 779 1 0 100 0 0 10 0
   4: 0100007F:0050 0100007F:1F40 01 00000000:00000000 00:00000000 00000000     0        0 780 1 0 100 0 0 10 0
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sys/block/sda").mkdir(parents=True)
    return write(
        tmp_path,
        {
            "proc/stat": STAT,
            "proc/meminfo": "MemTotal: 2000 kB\nMemAvailable: 500 kB\nSwapFree: 8 kB\n",
            "proc/vmstat": "pgmajfault 3\noom_kill 1\n",
            "proc/pressure/cpu": PRESSURE,
            "proc/diskstats": DISKS,
            "proc/net/dev": "Inter-|\n face |\n  eth0: 100 1 0 2 0 0 0 0 200 1 0 0 0 0 0 0\n    lo: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
            "proc/net/snmp": SNMP,
            "proc/net/netstat": NETSTAT,
            "proc/net/sockstat": "sockets: used 9\nTCP: inuse 6 orphan 0 tw 4 alloc 7 mem 1\n",
            "proc/net/tcp": TCP,
            "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
        },
    )


def test_the_busy_time_of_the_machine_is_neither_idle_nor_waiting_nor_taken_by_others(root: Path) -> None:
    values = linux.processor(root)
    assert values["cpu.busy_s", ""] == pytest.approx(1530 / TICKS)
    assert values["cpu.steal_s", ""] == pytest.approx(30 / TICKS)
    assert values["cpu.iowait_s", ""] == pytest.approx(70 / TICKS)
    assert (values["cpu.cores", ""], values["cpu.runnable", ""]) == (2, 7)


def test_a_reading_of_the_machine_has_memory_pressure_disks_and_network(root: Path) -> None:
    values = linux.machine(root)
    wanted = {
        ("memory.available_bytes", ""): 500 * 1024,
        ("memory.major_faults", ""): 3,
        ("memory.oom_kills", ""): 1,
        ("psi.cpu.some_us", ""): 4200,
        ("psi.cpu.some_avg10", ""): 12.5,
        ("psi.cpu.full_us", ""): 17,
        ("disk.reads", "sda"): 100,
        ("disk.read_bytes", "sda"): 2000 * 512,
        ("disk.written_bytes", "sda"): 4000 * 512,
        ("disk.in_flight", "sda"): 3,
        ("disk.busy_ms", "sda"): 120,
        ("net.received_bytes", "eth0"): 100,
        ("net.receive_dropped", "eth0"): 2,
        ("net.sent_bytes", "eth0"): 200,
        ("tcp.sent", ""): 9000,
        ("tcp.retransmitted", ""): 12,
        ("tcp.listen_overflows", ""): 5,
        ("tcp.listen_drops", ""): 6,
        ("tcp.time_wait", ""): 4,
    }
    assert {key: values.get(key) for key in wanted} == wanted


def test_partitions_loop_devices_and_idle_interfaces_are_left_out(root: Path) -> None:
    subjects = {subject for (_, subject) in linux.machine(root)}
    assert subjects == {"", "sda", "eth0"}


def test_files_that_a_kernel_does_not_have_leave_out_their_values(tmp_path: Path) -> None:
    assert linux.machine(tmp_path) == {}
    assert linux.ports(tmp_path) == {}
    write(tmp_path, {"proc/stat": STAT})
    assert {metric.partition(".")[0] for metric, _ in linux.machine(tmp_path)} == {"cpu"}


def test_ephemeral_ports_are_counted_for_the_one_place_that_has_most(root: Path) -> None:
    assert linux.ports(root) == {("ports.range", ""): 28232, ("ports.in_use", ""): 2}


def test_a_listener_is_found_with_the_length_of_its_queue(root: Path) -> None:
    assert sockets.listeners(root, [8000, 9]) == [sockets.Listener(8000, "777", 9)]


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_who_listens_is_the_same_whether_the_kernel_is_asked_or_lists_everybody(family: socket.AddressFamily) -> None:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("no /proc")
    address = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}[family]
    with socket.socket(family) as app, ExitStack() as clients:
        try:
            app.bind((address, 0))
        except OSError:
            pytest.skip(f"no {address}")
        app.listen(8)
        port = app.getsockname()[1]
        for _ in range(3):
            clients.enter_context(socket.create_connection((address, port)))
        (found,) = sockets.listeners(Path("/"), [port])
        assert (found.port, found.queue) == (port, 3)
        assert [found] == sockets.listeners(Path("/proc/self/root"), [port]), "another root is read from its files"
        assert found.inode == str(os.fstat(app.fileno()).st_ino)


def test_the_owners_of_a_socket_are_those_with_a_descriptor_of_it(root: Path) -> None:
    for pid, inode in ((11, 777), (12, 777), (13, 1)):
        (root / f"proc/{pid}/fd").mkdir(parents=True)
        (root / f"proc/{pid}/fd/3").symlink_to(f"socket:[{inode}]")
    assert sockets.owners(root, ["777"]) == {"777": {11, 12}}


def test_loopback_is_here_and_a_documentation_address_is_not() -> None:
    assert [sockets.is_here(host) for host in ("127.0.0.1", "localhost", "192.0.2.1", "no such host.invalid")] == [True, True, False, False]


def test_the_limits_of_control_groups_are_those_of_the_tightest_one_around(tmp_path: Path) -> None:
    base = "sys/fs/cgroup"
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/pod/app\n",
            f"{base}/pod/app/cpu.stat": "nr_throttled 3\nthrottled_usec 700\n",
            f"{base}/pod/app/cpu.max": "max 100000",
            f"{base}/pod/app/memory.max": "max",
            f"{base}/pod/cpu.max": "150000 100000",
            f"{base}/pod/cpu.stat": "nr_throttled 4\nthrottled_usec 300\n",
            f"{base}/pod/memory.max": "1000000",
            f"{base}/pod/memory.current": "900000",
        },
    )
    assert cgroup.read(tmp_path, "self") == {
        "throttled": 7,
        "throttled_us": 1000,
        "quota_cores": 1.5,
        "memory_limit_bytes": 1_000_000,
        "memory_bytes": 900_000,
    }


def test_the_first_version_of_control_groups_is_read_as_well(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/app\n3:cpu,cpuacct:/app\n",
            "sys/fs/cgroup/cpu,cpuacct/app/cpu.stat": "nr_throttled 2\nthrottled_time 5000\n",
            "sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us": "50000",
            "sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/app/memory.limit_in_bytes": "9223372036854771712",
        },
    )
    assert cgroup.read(tmp_path, "self") == {"throttled": 2, "throttled_us": 5, "quota_cores": 0.5}


def test_a_process_may_have_any_name(tmp_path: Path) -> None:
    write(tmp_path, {"proc/7/stat": f"7 (a) b (c) S 1 7 7 0 -1 0 0 0 0 0 100 50 30 20 20 0 4 0 999 1 {12} 0\n"})
    found = process(tmp_path, 7)
    assert found is not None
    assert (found.parent, found.name, found.threads) == (1, "a) b (c", 4)
    assert [found.cpu_s, found.reaped_s] == pytest.approx([150 / TICKS, 50 / TICKS])
    assert found.resident_bytes == 12 * os.sysconf("SC_PAGE_SIZE")


def test_we_are_among_all_processes() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc")
    assert everybody(Path("/"))[os.getpid()].parent == os.getppid()


def tree(*pairs: tuple[int, int, str]) -> dict[int, Process]:
    return {pid: Process(pid, parent, name, 0.0, 0.0, 1, 0) for pid, parent, name in pairs}


def test_a_family_is_what_descends_from_its_heads_without_what_is_barred() -> None:
    known = tree((1, 0, "init"), (2, 1, "app"), (3, 2, "app"), (4, 3, "app"), (5, 2, "postgres"), (6, 5, "postgres"), (9, 1, "other"))
    assert family([2, 77], known) == {2, 3, 4, 5, 6}
    assert family([2], known, but=[5]) == {2, 3, 4}


def test_the_heads_of_a_name_have_parents_of_another() -> None:
    known = tree((1, 0, "init"), (5, 1, "postgres"), (6, 5, "postgres"), (8, 1, "postgres"))
    assert named(known, ["postgres"]) == [5, 8]
