"""Which addresses are public, however they are written."""

from ipaddress import ip_address, ip_network

import pytest

from helio.config.addresses import is_loopback_host, is_public, is_within


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"],
)
def test_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("0.0.0.0", "::", "::1", "fe80::1", "fd00::1", "fec0::1", "ff02::1", "2001:db8::1"),  # noqa: S104
        *("::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::", "::a00:1"),
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


def test_a_network_holds_what_is_meant() -> None:
    network = [ip_network("10.1.0.0/16")]
    assert is_within(ip_address("10.1.2.3"), network)
    assert is_within(ip_address("::ffff:10.1.2.3"), network)
    assert not is_within(ip_address("10.2.0.1"), network)
    assert is_within(ip_address("fd00::5"), [*network, ip_network("fd00::/8")])


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]", "::1"]
)
def test_hosts_that_say_that_they_are_this_machine(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize("host", ["", "localhost.example", "127.0.0.1.example", "10.0.0.1", "0"])
def test_hosts_that_do_not(host: str) -> None:
    assert not is_loopback_host(host)
