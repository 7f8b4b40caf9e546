#!/usr/bin/env bash
# A newer Blender with its window, from Debian's unstable suite, into FOLDER: FOLDER/blender runs it.
#
#     tests/blender/newer_window.sh FOLDER
#
# Nothing is installed: the packages are unpacked there, with a loader and libraries of their own.
# About 300 MB are downloaded, from where this machine's apt gets its packages; 1.2 GB on disk.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
root=$folder/root
[[ -x $folder/blender ]] && exit 0

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | sort -u | head -n 1)
[[ -n $mirror ]] || { echo "apt has no mirror of Debian here." >&2; exit 1; }
mkdir -p "$folder"/apt/{lists/partial,cache/archives/partial} "$root"
: >"$folder/apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$folder/apt/sources.list"
own=(
    -o "Dir::State=$folder/apt" -o "Dir::State::lists=$folder/apt/lists"
    -o "Dir::State::status=$folder/apt/status" -o "Dir::Cache=$folder/apt/cache"
    -o "Dir::Etc::sourcelist=$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferencesparts=/dev/null -o Dir::Etc::parts=/dev/null
    -o APT::Install-Recommends=false -o Acquire::Languages=none -o APT::Sandbox::User=root
    -o Acquire::Retries=2 -o Acquire::http::Timeout=20
)
wanted=(
    blender python3-numpy libgl1-mesa-dri libegl1 libgl1 python3-zstandard
    python3-cattr python3-attr python3-requests # its own extensions want them
)
apt-get "${own[@]}" -qq update
apt-get "${own[@]}" -qq -y --download-only install "${wanted[@]}" >/dev/null
for package in "$folder"/apt/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$root"
done
rm -rf "$folder/apt"

libraries=$root/usr/lib/$(uname -m)-linux-gnu
loader=$(find "$root/usr" -name 'ld-linux-*.so.*' | head -n 1)
paths=$(find "$libraries" -name '*.so*' -printf '%h\n' | sort -u | grep -v 'dri$\|gconv' | paste -sd:)
run() { # PROGRAM: a script that starts it with the loader and the libraries of its own
    printf '#!/bin/sh\n%s\nexec %q --library-path %q %q "$@"\n' "$2" "$loader" "$paths" "$1"
}
# Blender starts Python as a program of its own.
python=$(find "$root/usr/bin" -name 'python3.[0-9]*' -not -name '*-config' | head -n 1)
mv "$python" "$python.real"
run "$python.real" "export PYTHONHOME=$root/usr" >"$python"
{
    run "$root/usr/bin/blender" "export BLENDER_SYSTEM_RESOURCES=$root/usr/share/blender
export BLENDER_SYSTEM_PYTHON=$root/usr LIBGL_DRIVERS_PATH=$libraries/dri
export GBM_BACKENDS_PATH=$libraries/gbm __EGL_VENDOR_LIBRARY_DIRS=$root/usr/share/glvnd/egl_vendor.d"
} >"$folder/blender.part"
chmod +x "$python" "$folder/blender.part"
mv "$folder/blender.part" "$folder/blender"
