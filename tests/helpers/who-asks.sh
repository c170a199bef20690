#!/bin/sh
# A web server for one request, run by socat: answers with the address that the request came from.
while read -r line && [ "$line" != "$(printf '\r')" ] && [ -n "$line" ]; do :; done
printf 'HTTP/1.0 200 OK\r\n\r\nyou are %s\n' "$SOCAT_PEERADDR"
