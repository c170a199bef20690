#!/usr/bin/env python3
"""Receives one fd on a socket, and says what it is: receive-fd.py SOCKET OUTPUT"""
import array
import os
import socket
import sys

server = socket.socket(socket.AF_UNIX)
# Once its name is there it can be connected to.
server.bind(sys.argv[1] + ".new")
server.listen(1)
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.settimeout(60)
peer, _ = server.accept()
_, control, _, _ = peer.recvmsg(4096, socket.CMSG_SPACE(4))
fd = array.array("i", control[0][2])[0]
with open("/proc/self/fdinfo/%d" % fd, encoding="ascii") as info:
    text = os.readlink("/proc/self/fd/%d" % fd) + "\n" + info.read()
with open(sys.argv[2] + ".new", "w", encoding="ascii") as out:
    out.write(text)
os.rename(sys.argv[2] + ".new", sys.argv[2])
