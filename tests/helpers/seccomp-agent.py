#!/usr/bin/env python3
"""Waits on a socket for a seccomp listener, as an agent of linux.seccomp.listenerPath.

    seccomp-agent.py SOCKET STATE

Writes the container process state it was sent to STATE, and answers the first
filtered call with the errno EXFULL (54), which nothing else in a test gives.
"""
import array
import fcntl
import socket
import struct
import sys

RECEIVE, SEND = 0xC0502100, 0xC0182101
EXFULL = 54

path, state_path = sys.argv[1:3]
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(1)
server.settimeout(60)
connection, _ = server.accept()
state, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(16))
listener = array.array("i", ancillary[0][2][:4])[0]
with open(state_path, "wb") as file:
    file.write(state)

request = bytearray(80)
fcntl.ioctl(listener, RECEIVE, request)
(cookie,) = struct.unpack_from("Q", request)
fcntl.ioctl(listener, SEND, bytearray(struct.pack("QqiI", cookie, 0, -EXFULL, 0)))
