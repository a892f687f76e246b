"""The egress gate: no spelling of an inside address gets a socket."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

import pytest
from aiohttp import ClientConnectorError, ClientSession, InvalidURL, TCPConnector, web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType
from aiohttp.test_utils import TestServer

from handlers.executor.egress import Closed, Inside, inward, is_closed, is_inside, outward, session

INSIDE = (  # noqa: SIM905
    "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 "
    "168.63.129.16 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 "
    "192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 "
    "240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 "
    "64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1 100::1 100:0:0:1::1 2001::1 "
    "2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: "
    "2002:808:808:: 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 "
    "ff02::1 ff0e::1 ffff::1 nonsense 127.1 2130706433 0x7f000001 0177.0.0.1 "
).split()
OUTSIDE = (  # noqa: SIM905
    "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 "
    "172.15.255.255 172.32.0.1 192.0.1.1 192.167.255.255 192.169.0.1 198.17.255.255 198.20.0.1 "
    "223.255.255.255 2606:4700:4700::1111 2a00:1450:4001:81b::200e 2001:4860:4860::8888 2003::1 "
    "2620:fe::fe "
).split()
PRIVATE = (  # noqa: SIM905
    "127.0.0.1 10.0.0.1 100.64.0.1 100.100.100.199 172.16.0.1 192.168.1.1 168.63.129.15 169.253.255.255 "
    "169.255.0.0 ::1 fd00::1 fd00:ec1::1 fd00:ec3::1 fd20:ce::255 fec0::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 "
    "64:ff9b::10.0.0.1 64:ff9b:1::1 fc00::1 8.8.8.8 2606:4700::a9fe:a9fe "
).split()
CLOSED = (  # noqa: SIM905
    "169.254.169.254 169.254.0.0 169.254.255.255 169.254.170.2 100.100.100.200 168.63.129.16 192.0.0.192 "
    "fe80::1 fe80::1%eth0 fe80::a9fe:a9fe febf::1 fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd00:42::42 "
    "::ffff:169.254.169.254 ::ffff:a9fe:a9fe ::169.254.169.254 ::ffff:0:169.254.169.254 "
    "::ffff:100.100.100.200 64:ff9b::169.254.169.254 64:ff9b::6464:64c8 64:ff9b:1::169.254.169.254 "
    "64:ff9b:1:a9fe:a9:fe00:: 64:ff9b:1:a9:fe:a9fe:: 64:ff9b:1::a9:fea9:fe00:0 fd64::169.254.169.254 "
    "2002:a9fe:a9fe:: 2001:0:4136:e378:8000:63bf:5601:5601 nonsense "
).split()


@pytest.mark.parametrize("address", INSIDE)
def test_an_inside_address_gets_no_socket(address: str) -> None:
    assert is_inside(address)
    with pytest.raises(Inside):
        outward((socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)))


@pytest.mark.parametrize("address", OUTSIDE)
def test_a_public_address_gets_one(address: str) -> None:
    assert not is_inside(address)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    outward((family, socket.SOCK_STREAM, 6, "", (address, 443))).close()


def test_nothing_that_the_standard_library_calls_private_is_public_here() -> None:
    samples = [ipaddress.IPv4Address(number) for number in range(0, 2**32, 65_521)]
    wrong = [str(ip) for ip in samples if not ip.is_global and not is_inside(str(ip))]
    assert wrong == []


@pytest.mark.parametrize("address", PRIVATE)
def test_the_setting_opens_loopback_and_private_addresses(address: str) -> None:
    assert not is_closed(address)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    inward((family, socket.SOCK_STREAM, 6, "", (address, 443))).close()


@pytest.mark.parametrize("gate", [inward, outward])
@pytest.mark.parametrize("address", CLOSED)
def test_link_local_and_metadata_addresses_get_no_socket_whatever_the_setting(
    address: str, gate: Callable[[AddrInfoType], socket.socket]
) -> None:
    assert is_closed(address)
    assert is_inside(address)  # so that whoever asks only for the inside is never laxer
    with pytest.raises(Closed, match="no setting opens"):
        gate((socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)))


# ── on the wire: a receiver on loopback that must never hear of us ───────────────────────────────


class Named(AbstractResolver):
    """A resolver with these addresses for every name; without any, it reads numbers as libc does."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.addresses or [socket.inet_ntoa(socket.inet_aton(host))]
        ]

    async def close(self) -> None:
        return


@pytest.fixture
async def receiver() -> object:
    heard: list[str] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", hear)
    async with TestServer(app, host="127.0.0.1") as server:
        yield server, heard


LITERALS = [
    "127.0.0.1",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::1]",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "0.0.0.0",
]
NAMES = ["localhost", "LOCALHOST"]
NUMBERS = ["2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.1", "0", "127.0.0.1."]


@pytest.mark.parametrize("host", LITERALS + NAMES)
async def test_no_spelling_of_loopback_reaches_it(receiver: tuple[TestServer, list[str]], host: str) -> None:
    server, heard = receiver
    async with session(outward) as out:
        with pytest.raises(ClientConnectorError) as caught:
            await out.post(f"http://{host}:{server.port}/x")
    assert isinstance(caught.value.os_error, Inside)
    assert heard == []


@pytest.mark.parametrize("host", NUMBERS)
async def test_no_number_that_libc_takes_for_loopback_reaches_it(
    receiver: tuple[TestServer, list[str]], host: str
) -> None:
    server, heard = receiver
    connector = TCPConnector(resolver=Named(), socket_factory=outward)
    async with ClientSession(connector=connector) as out:
        # aiohttp itself refuses some of these; the gate refuses what gets past it.
        with pytest.raises((InvalidURL, ClientConnectorError)) as caught:
            await out.post(f"http://{host}:{server.port}/x")
    refused_by_gate = isinstance(getattr(caught.value, "os_error", None), Inside)
    assert refused_by_gate or isinstance(caught.value, InvalidURL)
    assert heard == []


@pytest.mark.parametrize("host", ["127.0.0.1", "①②⑦.⓪.⓪.①", "localhost"])
async def test_the_setting_opens_it(receiver: tuple[TestServer, list[str]], host: str) -> None:
    server, heard = receiver
    async with session(inward) as out, out.post(f"http://{host}:{server.port}/x") as response:
        assert response.status == 200
    assert heard == ["/x"]


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
async def test_no_proxy_of_the_environment_gets_what_is_meant_for_a_receiver(
    receiver: tuple[TestServer, list[str]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    server, heard = receiver
    with socket.socket() as nobody:  # bound, and it does not listen
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.port}")
        monkeypatch.setenv("no_proxy", "")
        async with session(inward) as out:
            with pytest.raises(ClientConnectorError):
                await out.post(f"http://127.0.0.1:{nobody.getsockname()[1]}/x")
    assert heard == []


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("::ffff:127.0.0.1",), ("127.0.0.1", "::1"), ("10.0.0.1", "fd00::1", "0.0.0.0")],
)
async def test_a_name_that_resolves_inside_is_refused(
    receiver: tuple[TestServer, list[str]], addresses: tuple[str, ...]
) -> None:
    server, heard = receiver
    resolver = Named(*addresses)
    connector = TCPConnector(resolver=resolver, socket_factory=outward)
    async with ClientSession(connector=connector) as out:
        with pytest.raises(ClientConnectorError) as caught:
            await out.post(f"http://innocent.example:{server.port}/x")
    assert isinstance(caught.value.os_error, Inside)
    assert resolver.asked == ["innocent.example"]
    assert heard == []


async def test_the_setting_does_not_open_a_name_that_leads_to_metadata(
    receiver: tuple[TestServer, list[str]],
) -> None:
    server, _ = receiver
    resolver = Named("::ffff:169.254.169.254", "169.254.169.254")
    connector = TCPConnector(resolver=resolver, socket_factory=inward)
    async with ClientSession(connector=connector) as out:
        with pytest.raises(ClientConnectorError) as caught:
            await out.post(f"http://innocent.example:{server.port}/latest/meta-data")
    assert isinstance(caught.value.os_error, Closed)
