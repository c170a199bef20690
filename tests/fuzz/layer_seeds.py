#!/usr/bin/python3
"""Writes the layer target's seeds: tars of layers as engines write them, and as attackers would (layer_fuzz.c)."""
import gzip
import io
import os
import sys
import tarfile


def entry(name, kind=tarfile.REGTYPE, data=b"", link="", mode=0o644, headers=None):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size = kind, link, mode, len(data)
    info.mtime = 1700000000
    info.pax_headers = headers or {}
    return info, data


def tar(*entries, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    # Two empty blocks end it; more would only fill the last record.
    blocks = len(out.getvalue().rstrip(b"\0")) // 512 + 3
    return out.getvalue()[:blocks * 512]


DIR, LINK, HARD = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
XATTR = {"SCHILY.xattr.user.a": "b", "SCHILY.xattr.trusted.overlay.opaque": "y"}
TREE = [entry("etc", DIR, mode=0o755), entry("etc/passwd", data=b"root:x:0:0\n"), entry("bin/", DIR, mode=0o755),
        entry("bin/sh", HARD, link="etc/passwd"), entry("sh", LINK, link="bin/sh")]
SEEDS = {
    "ustar": tar(*TREE, form=tarfile.USTAR_FORMAT),
    "gnu": tar(*TREE, entry("l" * 150, data=b"long"), form=tarfile.GNU_FORMAT),
    "pax": tar(*TREE, entry("etc/x", data=b"x", headers=XATTR), entry("d" * 150, DIR, mode=0o755)),
    "devices": tar(entry("dev", DIR, mode=0o755), entry("dev/null", tarfile.CHRTYPE), entry("dev/sda", tarfile.BLKTYPE),
                   entry("dev/pipe", tarfile.FIFOTYPE)),
    "whiteouts": tar(entry("etc", DIR, mode=0o755), entry("etc/.wh.passwd"), entry("etc/.wh..wh..opq"), entry(".wh.bin")),
    "escapes": tar(entry("up", LINK, link=".."), entry("up/outside", data=b"x"), entry("root", LINK, link="/"),
                   entry("root/outside", data=b"x"), entry("hard", HARD, link="../outside")),
    "dots": tar(entry("./a/../../outside", data=b"x"), entry("/abs", data=b"x"), entry("./", DIR, mode=0o700)),
    "replaced": tar(entry("a", DIR, mode=0o755), entry("a/b", data=b"x"), entry("a", data=b"y"), entry("a", LINK, link="b"),
                    entry("a/c", data=b"z")),
    "loop": tar(entry("a", LINK, link="b"), entry("b", LINK, link="a"), entry("a/c", data=b"x")),
    "short": tar(*TREE)[:1600],
    "gzip": gzip.compress(tar(*TREE), mtime=0),
}

for name, data in SEEDS.items():
    with open(os.path.join(sys.argv[1], name), "wb") as out:
        out.write(data)
