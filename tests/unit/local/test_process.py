"""Ports for servers: each is free, and stays so until its server starts."""

import socket
from pathlib import Path

from local.stack.process import free_port, free_ports

KERNEL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_port_is_free_and_none_that_a_connection_gets() -> None:
    first = int(KERNEL_PORTS.read_text().split()[0]) if KERNEL_PORTS.exists() else 32768
    for _ in range(100):
        port = free_port()
        assert 1024 <= port < first
        with socket.socket() as server:
            server.bind(("127.0.0.1", port))


def test_ports_of_one_server_are_different() -> None:
    for _ in range(20):
        assert len(set(free_ports(500))) == 500
