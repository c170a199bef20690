#!/usr/bin/env python3
"""Archives no well-meaning program would write, and small ones it would.

    archives.py tar OUT ENTRY...       a tar; an entry is TYPE:NAME[=VALUE], for example
                                       file:etc/motd=hello  dir:a  symlink:a/b=/etc  hardlink:x=a/y
                                       fifo:p  char:d=1,3  setuid:bin/su=x  xattr:f=user.a
    archives.py oci OUT [OPTION...] LAYER...      an OCI archive of those layer files
    archives.py docker OUT [OPTION...] LAYER...   a docker-archive, as `docker save` wrote it for years
    archives.py both OUT [OPTION...] LAYER...     a docker-archive that is an OCI archive, too

Options: --name=REF, --platform=OS/ARCH (of the index entry), and what is to be wrong with the archive:
--break=digest|diff-id|size|missing-blob|config-json|layer-count|index-type
"""
import gzip
import hashlib
import io
import json
import sys
import tarfile


def tar_entry(text):
    kind, rest = text.split(":", 1)
    name, _, value = rest.partition("=")
    info = tarfile.TarInfo(name)
    info.mtime = 1000000000
    info.mode = 0o644
    data = b""
    if kind in ("file", "setuid", "xattr"):
        data = b"x" if kind == "xattr" else value.encode()
        info.mode = 0o4755 if kind == "setuid" else 0o644
        if kind == "xattr":
            info.pax_headers = {"SCHILY.xattr." + value: "y"}
    elif kind == "dir":
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    elif kind == "symlink":
        info.type, info.linkname = tarfile.SYMTYPE, value
    elif kind == "hardlink":
        info.type, info.linkname = tarfile.LNKTYPE, value
    elif kind == "fifo":
        info.type = tarfile.FIFOTYPE
    elif kind == "char":
        info.type = tarfile.CHRTYPE
        info.devmajor, info.devminor = map(int, value.split(","))
    else:
        sys.exit("unknown type: " + kind)
    info.size = len(data)
    return info, data


def write_tar(out, entries):
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            info, data = tar_entry(entry)
            tar.addfile(info, io.BytesIO(data))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Image:
    def __init__(self, arguments):
        self.options = dict(a[2:].split("=", 1) for a in arguments if a.startswith("--"))
        self.layers = [open(a, "rb").read() for a in arguments if not a.startswith("--")]
        self.broken = self.options.get("break")
        self.name = self.options.get("name")
        diff_ids = [sha256(gzip.decompress(l) if l[:2] == b"\x1f\x8b" else l) for l in self.layers]
        if self.broken == "diff-id":
            diff_ids[0] = "0" * 64
        if self.broken == "layer-count":
            diff_ids.append(diff_ids[0])
        self.config = json.dumps({
            "architecture": "amd64", "os": "linux", "created": "2020-02-02T02:02:02.123456789Z",
            "config": {"Cmd": ["sh"], "Env": None, "Labels": None, "ExposedPorts": {"80/tcp": {}}},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + d for d in diff_ids]},
        }).encode()
        if self.broken == "config-json":
            self.config = b'{"rootfs": '
        self.files = []

    def blob(self, data):
        name = digest = sha256(data)
        if self.broken == "digest" and data in self.layers:
            name = "f" * 64
        if not (self.broken == "missing-blob" and data in self.layers):
            self.files.append(("blobs/sha256/" + name, data))
        return name if self.broken == "digest" else digest

    def descriptor(self, kind, data):
        size = len(data) + (1 if self.broken == "size" and data in self.layers else 0)
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + self.blob(data), "size": size}

    def oci(self):
        layers = [self.descriptor("layer.v1.tar" + ("+gzip" if l[:2] == b"\x1f\x8b" else ""), l) for l in self.layers]
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": self.descriptor("config.v1+json", self.config), "layers": layers}).encode()
        entry = self.descriptor("manifest.v1+json", manifest)
        if self.name:
            entry["annotations"] = {"org.opencontainers.image.ref.name": self.name}
        if "platform" in self.options:
            system, architecture = self.options["platform"].split("/")
            entry["platform"] = {"os": system, "architecture": architecture}
        if self.broken == "index-type":
            entry = "manifest"
        self.files.append(("index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()))
        self.files.append(("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'))

    def docker(self, config_path, layer_path):
        """Layers that occur twice are links the second time."""
        paths, seen = [], {}
        for number, layer in enumerate(self.layers):
            path = layer_path(number, layer)
            if sha256(layer) in seen and path != seen[sha256(layer)]:
                self.files.append((path, "../" + seen[sha256(layer)]))
            elif self.broken != "missing-blob" and sha256(layer) not in seen:
                self.files.append((path, layer))
            seen.setdefault(sha256(layer), path)
            paths.append(path)
        self.files.append((config_path, self.config))
        self.files.append(("manifest.json", json.dumps(
            [{"Config": config_path, "RepoTags": [self.name] if self.name else None, "Layers": paths}]).encode()))

    def write(self, out):
        with tarfile.open(out, "w") as tar:
            for name, data in self.files:
                info = tarfile.TarInfo(name)
                if isinstance(data, str):
                    info.type, info.linkname, data = tarfile.SYMTYPE, data, b""
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def main():
    command, out, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
    if command == "tar":
        write_tar(out, arguments)
        return
    image = Image(arguments)
    if command in ("oci", "both"):
        image.oci()
    if command == "docker":
        image.docker(sha256(image.config) + ".json", lambda n, layer: "%064x/layer.tar" % n)
    if command == "both":
        image.docker("blobs/sha256/" + sha256(image.config), lambda n, layer: "blobs/sha256/" + sha256(layer))
        image.files = list(dict(image.files).items())
    image.write(out)


main()
