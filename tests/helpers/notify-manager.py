#!/usr/bin/env python3
"""Listens on a socket as a service manager does for sd_notify(3), and writes what it is told.

    notify-manager.py SOCKET LOG

One message a line; a barrier is answered by closing the fd that came with it.
"""
import array
import os
import socket
import sys

path, log_path = sys.argv[1:3]
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(path)
server.settimeout(60)
with open(log_path, "w", buffering=1, encoding="utf-8") as log:
    while True:
        data, ancillary, _, _ = server.recvmsg(4096, socket.CMSG_SPACE(64))
        fds = array.array("i")
        for _, _, content in ancillary:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
        log.write(data.decode().replace("\n", " ").strip() + (" +fd" if fds else "") + "\n")
        for fd in fds:
            os.close(fd)
