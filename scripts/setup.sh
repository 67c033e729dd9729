#!/usr/bin/env bash
# Gets everything that the build, the tests and the demo need; what is there already is only checked.
#
#   Rust            checked (rust-version of Cargo.toml), never installed
#   system packages GStreamer with plugins, a C compiler, pkg-config: apt on Debian and Ubuntu, checked elsewhere
#   ONNX Runtime    libonnxruntime.so, pinned in scripts/onnxruntime.pin, into the user's data folder
#   NVRTC           compiles CUDA kernels, pinned in scripts/nvrtc.pin, likewise; what cannot be fetched is done without
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(
    build-essential
    ca-certificates
    gstreamer1.0-libav
    gstreamer1.0-nice
    gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-base
    gstreamer1.0-plugins-good
    gstreamer1.0-plugins-ugly
    gstreamer1.0-tools
    gstreamer1.0-x
    libgstreamer-plugins-base1.0-dev
    libgstreamer1.0-dev
    libgstrtspserver-1.0-dev
    pkg-config
    xvfb
    weston
)
# What the code is written against, and one element of each set of plugins that the program builds pipelines of.
gstreamer_modules=(gstreamer-1.0 gstreamer-base-1.0 gstreamer-video-1.0 gstreamer-app-1.0 gstreamer-check-1.0 gstreamer-sdp-1.0 gstreamer-rtsp-server-1.0)
gstreamer_elements=(decodebin videoconvert qtdemux mp4mux h264parse x264enc avdec_h264 nicesrc)
gstreamer_version=1.20

changed=no
onnxruntime=present
nvrtc=present

say() { echo "setup: $*"; }
fail() {
    echo "setup: error: $*" >&2
    exit 2
}
at_least() { printf '%s\n' "$1" "$2" | sort -V -C; }

check_rust() {
    local need have
    need=$(sed -n 's/^rust-version *= *"\(.*\)"$/\1/p' Cargo.toml)
    command -v cargo >/dev/null ||
        fail "cargo is not in PATH: install Rust $need or newer (https://rustup.rs), then open a new shell"
    have=$("${RUSTC:-rustc}" --version | cut -d ' ' -f 2) || fail "rustc does not run (see above): repair the Rust installation"
    at_least "$need" "$have" || fail "Rust $have is too old, $need or newer is needed: run \`rustup update stable\`" \
        "(https://rustup.rs where rustup is missing)"
}

is_debian_like() {
    # shellcheck source=/dev/null
    [ -r /etc/os-release ] && (. /etc/os-release && [[ " ${ID:-} ${ID_LIKE:-} " =~ \ (debian|ubuntu)\  ]]) &&
        command -v apt-get >/dev/null && command -v dpkg-query >/dev/null
}

is_installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# pip is there only to fetch libraries, and any Python's will do.
needs_pip() { [[ $onnxruntime$nvrtc == *missing* ]] && ! scripts/find_pip.sh >/dev/null; }

# Runs a command as root, or tells how to and ends.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        sudo "$@"
    else
        fail "only root can install system packages. Run as root, then try again:" \
            $'\n\n    apt-get update && apt-get install --no-install-recommends'" ${missing[*]}"$'\n'
    fi
}

install_packages() {
    local package missing=()
    for package in "${packages[@]}"; do
        is_installed "$package" || missing+=("$package")
    done
    needs_pip && missing+=(python3-pip)
    [ ${#missing[@]} -gt 0 ] || return 0
    say "missing system packages: ${missing[*]}"
    # Some other source of the machine may be out of reach while all that is needed here is not.
    as_root apt-get update --quiet=2 || say "apt-get update failed (see above); going on with the package lists as they are"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends \
        --option DPkg::Lock::Timeout=300 --option Dpkg::Use-Pty=0 "${missing[@]}" ||
        fail "apt-get could not install the packages (see above): check the network and /etc/apt"
    changed=yes
}

check_packages_elsewhere() {
    local name missing=()
    command -v cc >/dev/null || missing+=("a C compiler (cc)")
    command -v pkg-config >/dev/null || missing+=("pkg-config")
    for name in "${gstreamer_modules[@]}"; do
        pkg-config --exists "$name" 2>/dev/null || missing+=("the development files of $name")
    done
    for name in gst-launch-1.0 gst-inspect-1.0 Xvfb; do
        command -v "$name" >/dev/null || missing+=("$name")
    done
    for name in "${gstreamer_elements[@]}"; do
        gst-inspect-1.0 --exists "$name" 2>/dev/null || missing+=("the GStreamer element $name")
    done
    needs_pip && missing+=("python3 with pip")
    [ ${#missing[@]} -gt 0 ] || return 0
    printf 'setup: missing: %s\n' "${missing[@]}" >&2
    fail "this is neither Debian nor Ubuntu: install what is missing with the system's package manager"
}

check_gstreamer_version() {
    local have
    have=$(pkg-config --modversion gstreamer-1.0) || fail "pkg-config does not find gstreamer-1.0 (see above): check PKG_CONFIG_PATH"
    at_least "$gstreamer_version" "$have" || fail "GStreamer $have is too old: $gstreamer_version or newer is needed"
}

check_onnxruntime() {
    local status=0
    scripts/fetch_onnxruntime.sh --check || status=$?
    case $status in
        0) ;;
        1) onnxruntime=missing ;;
        *) exit "$status" ;;
    esac
}

check_nvrtc() {
    local status=0
    scripts/fetch_nvrtc.sh --check || status=$?
    [ "$status" != 1 ] || nvrtc=missing
}

# Only tests of CUDA kernels and machines with a GPU want it.
fetch_nvrtc() {
    [ "$nvrtc" = missing ] || return 0
    if scripts/fetch_nvrtc.sh; then
        changed=yes
    else
        say "going on without NVRTC: tests skip the compilation of CUDA kernels, and a GPU needs it or kernels that are cached"
    fi
}

fetch_onnxruntime() {
    [ "$onnxruntime" = missing ] || return 0
    scripts/fetch_onnxruntime.sh
    changed=yes
}

check_rust
check_onnxruntime
check_nvrtc
if is_debian_like; then install_packages; else check_packages_elsewhere; fi
check_gstreamer_version
fetch_onnxruntime
fetch_nvrtc
if [ "$changed" = no ]; then say "everything is in place"; else say "done"; fi
