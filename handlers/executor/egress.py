"""The egress gate: where a socket is made, whatever the URL, the resolver or the spelling said before.

A resolver is never asked for IP literals, and `is_global` of the standard library is true for NAT64, 6to4
and multicast: so the gate has its own list, and stands at the one place every connection passes.
"""

import ipaddress
import socket

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.connector import AddrInfoType, SocketFactoryType

TIMEOUT = ClientTimeout(total=10, sock_connect=5)  # seconds; shorter than the outbox's lease
KEEP_ALIVE = 4  # seconds; shorter than common servers' (uvicorn 5), so that they do not hang up on a call
CONNECTIONS = 100
CONNECTIONS_PER_HOST = 10  # so that one slow receiver does not hold them all

# IANA special-purpose address registries, and what clouds put on public addresses.
INSIDE_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network, unspecified
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # Azure's host
            "169.254.0.0/16",  # link-local, metadata services
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
# Outside this there is no public IPv6: it leaves out loopback, unspecified, IPv4-mapped and -compatible,
# NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard, unique local, link-local, site-local, multicast.
PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
INSIDE_6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)
# Link-local, and where clouds hand a machine its own credentials: no setting opens them.
CLOSED_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "100.100.100.200/32",  # Alibaba
            "168.63.129.16/32",  # Azure's host
            "169.254.0.0/16",  # link-local: AWS, Azure, Google, Oracle, OpenStack and others
            "192.0.0.192/32",  # Oracle's older machines
        ),
    )
)
CLOSED_6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "fd00:42::42/128",  # Scaleway
            "fd00:ec2::/32",  # AWS
            "fd20:ce::254/128",  # Google
            "fe80::/10",  # link-local
        ),
    )
)
LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215: its users choose how long the prefix is


class Inside(OSError):
    """The address is inside; private addresses need ASSENT_EGRESS_ALLOW_PRIVATE."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Closed(Inside):
    """The address is link-local or a cloud's metadata service; no setting opens these."""


def is_inside(address: str) -> bool:
    """Tell whether a numeric address is not a public one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    if isinstance(ip, ipaddress.IPv4Address):
        return any(ip in network for network in INSIDE_4)
    return ip not in PUBLIC_6 or any(ip in network for network in INSIDE_6)


def is_closed(address: str) -> bool:
    """Tell whether a numeric address, or the IPv4 one that it carries, is one that no setting opens."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    if isinstance(ip, ipaddress.IPv4Address):
        return any(ip in network for network in CLOSED_4)
    return any(ip in network for network in CLOSED_6) or any(
        one in network for one in _carried(ip) for network in CLOSED_4
    )


def _carried(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that one which is not public may be translated to on its way."""
    if ip in PUBLIC_6:
        return [one for one in (ip.sixtofour, *(ip.teredo or ())) if one is not None]
    # Its end: mapped, compatible, translated, and NAT64 whose prefix has 96 bits, whatever that prefix is.
    packed, ends = ip.packed, [ip.packed[12:]]
    if ip in LOCAL_NAT64:
        short = packed[:8] + packed[9:]  # RFC 6052: byte 8 is left out; prefixes of 48, 56 and 64 bits
        ends += [short[6:10], short[7:11], short[8:12]]
    return [ipaddress.IPv4Address(end) for end in ends]


def outward(info: AddrInfoType) -> socket.socket:
    """Make a socket to a public address; raises `Inside` for any other."""
    address = str(info[4][0])
    if is_inside(address) and not is_closed(address):
        raise Inside
    return inward(info)


def inward(info: AddrInfoType) -> socket.socket:
    """Make a socket to any address that is not closed, for installations whose executors live inside.

    Raises `Closed`.
    """
    if is_closed(str(info[4][0])):
        raise Closed
    family, kind, protocol, _, _ = info
    return socket.socket(family, kind, protocol)


def session(gate: SocketFactoryType) -> ClientSession:
    """Return the session for callbacks: no cookies, no proxy, nothing unpacked; to be closed by its owner."""
    connector = TCPConnector(
        socket_factory=gate,
        limit=CONNECTIONS,
        limit_per_host=CONNECTIONS_PER_HOST,
        keepalive_timeout=KEEP_ALIVE,
    )
    return ClientSession(
        connector=connector,
        timeout=TIMEOUT,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        headers={"User-Agent": "Assent", "Accept-Encoding": "identity"},
    )
