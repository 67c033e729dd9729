#!/usr/bin/env bash
# Runs everything that a GPU has to confirm, and writes one table and one JSON file. See docs/gpu-verification.md.
#
#   gpu-check.sh [--out DIR]        builds what is needed where cargo is, or takes what `pack` brought, and runs it
#   gpu-check.sh pack DIR           on a machine with cargo and network: all that a machine with neither needs, in DIR,
#                                   in files of at most 60 MB with their hashes
#   gpu-check.sh unpack DIR         on the other machine: puts the parts together into DIR/gpu-check
#
# The machine with the GPU needs its driver, and CUDA 13 with cuDNN 9 where ONNX Runtime finds them (LD_LIBRARY_PATH, or
# PyTorch's wheels for CUDA 13, which are looked for); neither GStreamer nor a network. Without a GPU it says so, counts
# what it skipped, and ends with 0.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
part_mb=60

say() { echo "gpu-check: $*"; }
fail() {
    echo "gpu-check: error: $*" >&2
    exit 2
}

data_home() {
    case ${XDG_DATA_HOME:-} in
        /*) echo "$XDG_DATA_HOME" ;;
        *) echo "${HOME:?HOME is not set}/.local/share" ;;
    esac
}

# Builds both programs; says where they are.
build() {
    local root=$here/..
    (cd "$root" && cargo build --release --locked -p vesalius-benches --bin vesalius-gpu-check &&
        cargo build --release --locked -p vesalius-cuda --no-default-features --example gpu_parity) >&2
    echo "${CARGO_TARGET_DIR:-$root/target}/release"
}

pack() {
    local folder=$1 built
    command -v cargo >/dev/null || fail "packing builds the programs: cargo is needed"
    mkdir -p "$folder"
    built=$(build)
    "$here/fetch_onnxruntime.sh" --gpu
    "$here/fetch_nvrtc.sh"
    # Not local: the trap runs when the function is over.
    stage=$(mktemp -d)
    trap 'rm -rf "$stage"' EXIT
    mkdir -p "$stage/gpu-check/lib"
    cp "$built/vesalius-gpu-check" "$built/examples/gpu_parity" "$here/gpu-check.sh" "$stage/gpu-check/"
    cp -r "$here/../engines" "$stage/gpu-check/engines"
    rm -rf "$stage/gpu-check/engines/training"
    cp -L "$(data_home)"/vesalius/onnxruntime/*-gpu/*.so* "$stage/gpu-check/lib/"
    cp -L "$(data_home)"/vesalius/nvrtc/*/libnvrtc* "$stage/gpu-check/lib/"
    strip --strip-debug "$stage/gpu-check/vesalius-gpu-check" "$stage/gpu-check/gpu_parity" 2>/dev/null || true
    rm -f "$folder"/gpu-check.tar.part-*
    # What is compressed already by the wheel's makers is large all the same; gzip is everywhere.
    tar -C "$stage" -czf - gpu-check | split --bytes="${part_mb}MB" --numeric-suffixes - "$folder/gpu-check.tar.part-"
    (cd "$folder" && sha256sum gpu-check.tar.part-* >gpu-check.sha256)
    cp "$here/gpu-check.sh" "$folder/"
    say "$(find "$folder" -name 'gpu-check.tar.part-*' | wc -l) parts in $folder; bring all of its files, then there:"
    say "    bash gpu-check.sh unpack . && bash gpu-check/gpu-check.sh"
}

unpack() {
    local folder=$1
    cd "$folder"
    [ -f gpu-check.sha256 ] || fail "there is no gpu-check.sha256 in '$folder': is that where the parts are?"
    sha256sum --check --quiet gpu-check.sha256 || fail "a part is missing or damaged: bring it again"
    cat gpu-check.tar.part-* | tar -xzf -
    say "ready: bash $folder/gpu-check/gpu-check.sh"
}

# CUDA and cuDNN of PyTorch's wheels, where there are any: ONNX Runtime finds them in no other way.
wheel_libraries() {
    command -v python3 >/dev/null || return 0
    python3 - <<'EOF'
import glob, os, site
roots = [*site.getsitepackages(), site.getusersitepackages()]
try:
    import importlib.util
    torch = importlib.util.find_spec("torch")
    if torch and torch.origin:
        roots.append(os.path.dirname(os.path.dirname(torch.origin)))
except Exception:
    pass
found = {d for root in roots for d in glob.glob(os.path.join(root, "nvidia", "*", "lib"))}
print(":".join(sorted(found)))
EOF
}

run() {
    local out=out/gpu-check status=0 programs libraries
    while [ $# -gt 0 ]; do
        case $1 in
            --out) [ $# -ge 2 ] || fail "--out needs a folder"; out=$2; shift 2 ;;
            *) fail "unknown argument '$1'; see the head of this script" ;;
        esac
    done
    if [ -x "$here/vesalius-gpu-check" ]; then
        programs=$here
        export ORT_DYLIB_PATH=${ORT_DYLIB_PATH:-$here/lib/libonnxruntime.so}
        [ -e "$ORT_DYLIB_PATH" ] || ORT_DYLIB_PATH=$(find "$here/lib" -name 'libonnxruntime.so*' | head -n 1)
        export VESALIUS_NVRTC_PATH=${VESALIUS_NVRTC_PATH:-$here/lib}
        export VESALIUS_ENGINES=${VESALIUS_ENGINES:-$here/engines}
        parity=$here/gpu_parity
    else
        command -v cargo >/dev/null ||
            fail "there is neither cargo nor a packed build here: see 'pack' in the head of this script"
        programs=$(build)
        parity=$programs/examples/gpu_parity
    fi
    libraries=$(wheel_libraries)
    export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}${LD_LIBRARY_PATH:+:}$libraries
    mkdir -p "$out"
    "$programs/vesalius-gpu-check" --out "$out" --kernels "$parity" || status=$?
    # Few cases: the sanitizer makes every access slow.
    if command -v compute-sanitizer >/dev/null && [ -e /dev/nvidiactl ]; then
        for tool in memcheck racecheck initcheck synccheck; do
            if compute-sanitizer --tool "$tool" --error-exitcode 9 "$parity" 6 >"$out/sanitizer-$tool.txt" 2>&1; then
                say "compute-sanitizer $tool: nothing found"
            else
                say "compute-sanitizer $tool: see $out/sanitizer-$tool.txt"
                status=1
            fi
        done
    else
        say "compute-sanitizer: skipped (it is not installed, or there is no GPU)"
    fi
    if command -v nvidia-smi >/dev/null; then
        nvidia-smi >"$out/nvidia-smi.txt" 2>&1 || true
    fi
    exit "$status"
}

case ${1:-} in
    pack) pack "${2:?where to? gpu-check.sh pack DIR}" ;;
    unpack) unpack "${2:?where are the parts? gpu-check.sh unpack DIR}" ;;
    *) run "$@" ;;
esac
