#!/bin/bash
# What Buildah's cases call to bring an image from a directory into a storage: their own helper program's part of skopeo.
#
#     copy-image.sh [--root DIR] [--runroot DIR] [--storage-driver NAME] [OPTION...] FROM TO
set -eu

while [ $# -gt 2 ]; do
        case $1 in
        --root) root=$2 ;;
        --runroot) runroot=$2 ;;
        --storage-driver) driver=$2 ;;
        --*=*)
                shift
                continue
                ;;
        esac
        shift 2
done
to=$2
case $to in
containers-storage:\[*) ;;
containers-storage:*) to="containers-storage:[$driver@$root+$runroot]${to#*:}" ;;
esac
exec skopeo copy --quiet --insecure-policy "$1" "$to"
