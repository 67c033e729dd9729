#!/usr/bin/env bash
# Puts the pinned CUDA run-time compiler (NVRTC) into the user's data folder, where the program looks for it.
#
#   fetch_nvrtc.sh          fetches it unless it is there, whole and unchanged
#   fetch_nvrtc.sh --check  only says by its exit status whether it is there: 0 yes, 1 no, 2 error
#
# Nothing but the compilation of CUDA kernels needs it: who calls this can go on without. NVIDIA's licence, under which it
# is used, lies beside it. The wheel comes through pip, so pip's own settings hold. Where VESALIUS_NVRTC_PATH names a
# library, that one is used as it is and nothing is fetched.
set -euo pipefail

pin=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/nvrtc.pin
machine=$(uname -m)

say() { echo "setup: $*"; }
fail() {
    echo "setup: NVRTC: $*" >&2
    exit 2
}
# The rest of the line of the pin file that starts with $1.
pinned() { awk -v key="$1" '$1 == key { $1 = ""; sub(/^ /, ""); print }' "$pin"; }
has_sha256() { [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" = "$2" ]; }

if [ -n "${VESALIUS_NVRTC_PATH:-}" ]; then
    [ -e "$VESALIUS_NVRTC_PATH" ] ||
        fail "VESALIUS_NVRTC_PATH names '$VESALIUS_NVRTC_PATH', which does not exist: correct it or unset it"
    exit 0
fi

version=$(pinned version)
read -r platform wheel_sha256 library_sha256 builtins_sha256 <<<"$(pinned "$machine")" || true
if [ "$(uname -s)" != Linux ] || [ -z "$builtins_sha256" ]; then
    fail "none is pinned for $(uname -s) on $machine: install one and name it in VESALIUS_NVRTC_PATH"
fi

# A relative XDG_DATA_HOME is to be ignored (XDG Base Directory Specification), as the program does.
case ${XDG_DATA_HOME:-} in
    /*) data_home=$XDG_DATA_HOME ;;
    *)
        [ -n "${HOME:-}" ] || fail "HOME is not set: set it, or XDG_DATA_HOME to an absolute path"
        data_home=$HOME/.local/share
        ;;
esac
folder=$data_home/vesalius/nvrtc/$version
library=$(pinned library)
builtins=$(pinned builtins)

if has_sha256 "$folder/$builtins" "$builtins_sha256" && has_sha256 "$folder/$library" "$library_sha256"; then
    exit 0
fi
[ "${1:-}" != --check ] || exit 1

glibc=$(pinned glibc)
have_glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d ' ' -f 2) || true
if ! printf '%s\n' "$glibc" "${have_glibc:-0}" | sort -V -C; then
    fail "the pinned one needs glibc $glibc or newer, here is ${have_glibc:-another C library}"
fi
python=$("$(dirname "$pin")/find_pip.sh") || fail "python3 with pip is needed to fetch it: install it"

mkdir -p "$folder" || fail "cannot make the folder $folder: free space or rights are missing; or set XDG_DATA_HOME"
# Beside the target, so that the last step is a rename and nobody ever sees half a file.
partial=$(mktemp -d "$folder/.partial.XXXXXX") || fail "cannot write to $folder: free space or rights are missing"
trap 'rm -rf "$partial"' EXIT

say "fetching NVRTC $version for $machine with pip (58 MB; NVIDIA's licence will lie beside it)"
echo "nvidia-cuda-nvrtc==$version --hash=sha256:$wheel_sha256" >"$partial/requirements.txt"
# A wheel named by its platform's tag needs no Python that fits it: it is not installed, only unpacked.
PIP_REQUIRE_VIRTUALENV=0 "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --platform "$platform" --require-hashes --requirement "$partial/requirements.txt" --dest "$partial" ||
    fail "pip could not fetch nvidia-cuda-nvrtc $version (see above): check the network and pip's settings" \
        "(\`pip config list\`), or name a libnvrtc.so of your own in VESALIUS_NVRTC_PATH"

"$python" - "$partial" "$library" "$builtins" <<'PYTHON' || fail "the wheel could not be unpacked into $folder (see above)"
import pathlib, shutil, sys, zipfile

folder = pathlib.Path(sys.argv[1])
(wheel,) = folder.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    (licence,) = [name for name in archive.namelist() if name.endswith(".dist-info/licenses/License.txt")]
    wanted = [(licence, "LICENSE")] + [(f"nvidia/cu13/lib/{name}", name) for name in sys.argv[2:]]
    for name, target in wanted:
        with archive.open(name) as source, open(folder / target, "wb") as out:
            shutil.copyfileobj(source, out)
PYTHON
has_sha256 "$partial/$library" "$library_sha256" && has_sha256 "$partial/$builtins" "$builtins_sha256" ||
    fail "the libraries in the wheel are not the pinned ones: compare $pin with the wheel"

# The library last: where it is, everything is.
mv -f "$partial/LICENSE" "$folder/"
mv -fT "$partial/$builtins" "$folder/$builtins"
mv -fT "$partial/$library" "$folder/$library"
say "NVRTC $version is at $folder/$library"
