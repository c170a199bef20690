#!/usr/bin/python3
"""Writes the netlink target's seeds: a question's number, and answers as a kernel gives them (netlink_fuzz.c)."""
import os
import struct
import sys


def attribute(kind, data):
    size = 4 + len(data)
    return struct.pack("=HH", size, kind) + data + b"\0" * (-size % 4)


def nest(kind, *items):
    return attribute(kind, b"".join(items))


def text(kind, value):
    return attribute(kind, value.encode() + b"\0")


def host(kind, value):
    return attribute(kind, struct.pack("=I", value))


def net(kind, value):
    return attribute(kind, struct.pack(">I", value))


def message(kind, head, *items):
    body = head + b"".join(items)
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 0, 0) + body


def answer(*messages):
    data = b"".join(messages)
    return struct.pack(">H", len(data)) + data


DONE = answer(message(3, struct.pack("=i", 0)))


def nft(kind, family, *items):
    return message(10 << 8 | kind, struct.pack("=BBH", family, 0, 0), *items)


def link(*items):
    return message(16, struct.pack("=BxHiII", 0, 1, 2, 1, 0), *items)


def comment(kind, value):
    value = value.encode() + b"\0"
    return attribute(kind, bytes([0, len(value)]) + value)


LINK = link(text(3, "eth0"), host(4, 1500), attribute(1, b"\2\x42\xac\x11\0\2"), host(10, 3), host(5, 7), host(13, 1000),
            text(20, "alias"), nest(18, text(1, "bridge"), nest(2, attribute(7, b"\1")), text(4, "bridge"),
                                    nest(5, attribute(32, b"\1"))),
            nest(26, attribute(2, struct.pack("=HH", 2, 7))))
MACVLAN = link(text(3, "m0"), nest(18, text(1, "macvlan"), nest(2, host(1, 4))))
ADDRESS = message(20, struct.pack("=BBBBI", 2, 24, 0, 0, 2), attribute(2, b"\x0a\1\2\3"), host(8, 0x80))
ROUTE = message(24, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 0, 0, 1, 0), attribute(5, b"\x0a\1\2\1"), host(4, 2))
QUEUE = message(36, struct.pack("=BxxxiIII", 0, 2, 0x10000, 0xffffffff, 0), text(1, "tbf"),
                nest(2, attribute(1, b"\1" * 36), attribute(4, b"\1" * 8)))
ELEMENT = nest(1, nest(1, attribute(1, b"\x06\0\0\0\0\x50\0\0")), nest(10, attribute(1, b"\x06\0\0\0\0\x52\0\0")),
               nest(2, attribute(1, b"\x0a\1\2\3\0\x50\0\0"), nest(2, net(1, 0xfffffffd), text(2, "chain"))),
               comment(6, "net id eth0"))
ELEMENTS = nft(12, 1, text(1, "netplug"), text(2, "ports"), nest(3, ELEMENT, ELEMENT))
CHAIN = nft(3, 2, text(1, "filter"), text(3, "FORWARD"), nest(4, net(1, 2), net(2, 0)), net(5, 0), text(7, "filter"))
EXPRESSIONS = nest(4, nest(1, text(1, "counter")), nest(1, text(1, "immediate"), nest(2, net(1, 0), nest(
    2, nest(2, net(1, 0xfffffffd), text(2, "DOCKER-USER"))))))
RULE = nft(6, 2, text(1, "filter"), text(2, "FORWARD"), attribute(3, struct.pack(">Q", 7)), EXPRESSIONS,
           comment(7, "net id eth0"))
GENERATION = answer(nft(15, 0, net(1, 5)), message(2, struct.pack("=i", 0) + b"\0" * 16))
TABLE = answer(nft(0, 1, text(1, "netplug")), message(2, struct.pack("=i", 0) + b"\0" * 16))
CONNECTION = message(1 << 8, struct.pack("=BBH", 2, 0, 0),
                     nest(1, nest(1, attribute(1, b"\x0a\1\2\3")),
                          nest(2, attribute(1, b"\x11"), attribute(3, b"\0\x35"))),
                     attribute(18, b"\0\0"), net(12, 9))
FAILURE = answer(message(2, struct.pack("=i", -2) + b"\0" * 16, text(1, "no such thing")))

seeds = {
    "links": (0, answer(LINK, MACVLAN), DONE, answer(LINK), DONE),
    "addresses": (1, answer(ADDRESS, ADDRESS), DONE, answer(ADDRESS), DONE),
    "result": (2, answer(ADDRESS), DONE, answer(ROUTE), DONE, answer(ROUTE), DONE),
    "rate": (3, answer(QUEUE), DONE, answer(QUEUE), DONE),
    "port": (4, answer(LINK), DONE, answer(LINK), DONE),
    "list": (5, GENERATION, TABLE, *[answer(ELEMENTS) + DONE] * 12),
    "release": (6, GENERATION, TABLE, *[answer(ELEMENTS) + DONE] * 14),
    "forward": (7, GENERATION, TABLE, answer(CHAIN), DONE, answer(RULE), DONE, *[answer(ELEMENTS) + DONE] * 4),
    "publish": (8, GENERATION, TABLE, *[answer(ELEMENTS) + DONE] * 6),
    "connections": (9, answer(CONNECTION), DONE),
    "failure": (0, FAILURE),
}
for name, (question, *answers) in seeds.items():
    with open(os.path.join(sys.argv[1], name), "wb") as file:
        file.write(bytes([question]) + b"".join(answers))
