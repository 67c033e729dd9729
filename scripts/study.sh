#!/usr/bin/env bash
# The engines on public recordings that nobody here made: f32 against truth, and INT8 beside f32 where an engine has it.
#
#   make setup && cargo build --release --workspace --bin vesalius
#   scripts/study.sh ../shared/data        # HC18 and the vocal folds set, see docs/study.md
#
# Runs, scores and pages with pictures of frames go to out/study. What is kept, without any picture of a frame, goes to docs:
# docs/study.md with the tables, docs/study/*.md with all of it, docs/study/images/*.svg.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
data=$(cd "${1:?give the folder that holds hc18 and vocalfolds}" && pwd)
vesalius=${VESALIUS:-${CARGO_TARGET_DIR:-$root/target}/release/vesalius}
out=$root/out/study
kept=$root/docs/study
[ -x "$vesalius" ] || { echo "study.sh: $vesalius is not there: build it first, or name another with VESALIUS" >&2; exit 1; }
for set in hc18 vocalfolds; do
    [ -f "$data/$set/labels.csv" ] || { echo "study.sh: $data/$set/labels.csv is not there" >&2; exit 1; }
done
rm -rf "$out" "$kept"
mkdir -p "$out/input/hc18" "$kept/images"

# HC18: the subjects kept out of training. A scale a picture.
awk -F, -v OFS=, -v data="$data/hc18" '
    NR == FNR { if ($2 == "validation") kept[$1]; next }
    FNR == 1 { print "image,mask,subject,pixel_size_mm,head_circumference_mm"; next }
    $3 in kept { $2 = data "/" $2; print }
' "$root/engines/training/fetal_head/split.csv" "$data/hc18/labels.csv" > "$out/hc18.csv"
awk -F, -v OFS=, '
    FNR == 1 { print "file,mm_per_px_x,mm_per_px_y"; next }
    { sub(/.*\//, "", $1); print $1, $4, $4 }
' "$out/hc18.csv" > "$out/hc18-scale.csv"
tail -n +2 "$out/hc18.csv" | cut -d, -f1 | while read -r image; do ln -s "$data/hc18/$image" "$out/input/hc18/"; done

# Larynx: the last fifth of each sequence.
for sequence in "$data"/vocalfolds/images/*/; do
    name=$(basename "$sequence")
    mkdir -p "$out/input/larynx/$name"
    ln -s "$sequence"*.webp "$out/input/larynx/$name/"
done
awk -F, -v OFS=, -v data="$data/vocalfolds" '
    FNR == 1 { print "image,mask,patient,sequence,frame"; next }
    { $2 = data "/" $2; print }
' "$data/vocalfolds/labels.csv" > "$out/larynx-all.csv"
awk -F, '
    NR == FNR { first[$1] = $NF; next }
    FNR == 1 || ($4 in first && $1 >= first[$4])
' "$root/engines/training/larynx/split.csv" "$out/larynx-all.csv" > "$out/larynx.csv"

has_int8() { grep -q '^name = "int8"' "$root/engines/$1/manifest.toml"; }

# study ENGINE NAME TRUTH RATE REPLAY-OPTION… -- INPUT…
study() {
    local engine=$1 name=$2 truth=$3 rate=$4 options=() precision
    shift 4
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    for precision in f32 int8; do
        [ "$precision" = f32 ] || has_int8 "$engine" || continue
        "$vesalius" replay "$@" --engine "$engine" --provider cpu --precision "$precision" --masks --no-video \
            "${options[@]}" --out "$out/$name-$precision" > "$out/$name-$precision.log"
        "$vesalius" score "$out/$name-$precision" --truth "$truth" ${rate:+--frame-rate "$rate" --pictures "$@"} \
            --out "$out/$name-$precision-scores" > "$out/$name-$precision.txt"
        "$vesalius" report "$out/$name-$precision" --truth "$truth" --scores "$out/$name-$precision-scores" \
            --pictures "$@" --out "$out/$name-$precision.html" --markdown "$kept/$name-$precision.md"
    done
    if has_int8 "$engine"; then
        local gates=$root/scripts/study-$name.toml
        [ -f "$gates" ] || gates=auto
        "$vesalius" report "$out/$name-f32" "$out/$name-int8" --truth "$truth" ${rate:+--frame-rate "$rate"} --gates "$gates" \
            --pictures "$@" --out "$out/$name-int8-beside-f32.html" --markdown "$kept/$name-int8-beside-f32.md"
    fi
}

study fetal-head hc18 "$out/hc18.csv" "" --calibration "$out/hc18-scale.csv" -- "$out/input/hc18"
study larynx larynx "$out/larynx.csv" 25 -- "$out"/input/larynx/*
# table FILE CAPTION: the table of that caption.
table() {
    awk -v caption="$2" '
        index($0, caption) == 1 { found = 1; next }
        found && /^\|/ { print; shown = 1; next }
        found && shown { exit }
    ' "$1"
}

{
    cat "$root/scripts/study.md"
    echo
    echo "## fetal-head on HC18"
    echo
    table "$kept/hc18-f32.md" "Agreement of masks"
    echo
    table "$kept/hc18-f32.md" "Agreement of values"
    echo
    echo "In INT8:"
    echo
    table "$kept/hc18-int8.md" "Agreement of masks"
    echo
    table "$kept/hc18-int8.md" "Agreement of values"
    echo
    echo "INT8 beside f32:"
    echo
    table "$kept/hc18-int8-beside-f32.md" "Gates"
    echo
    echo "All of it: [f32](study/hc18-f32.md), [INT8](study/hc18-int8.md), [INT8 beside f32](study/hc18-int8-beside-f32.md)."
    echo
    echo "## larynx on the vocal folds set"
    echo
    table "$kept/larynx-f32.md" "Agreement of masks"
    echo
    echo "From frame to frame, the same frames:"
    echo
    table "$kept/larynx-f32.md" "From frame to frame, mean"
    echo
    if has_int8 larynx; then
        echo "INT8 beside f32:"
        echo
        table "$kept/larynx-int8-beside-f32.md" "Gates"
        echo
        echo "All of it: [f32](study/larynx-f32.md), [INT8](study/larynx-int8.md), [INT8 beside f32](study/larynx-int8-beside-f32.md)."
    else
        echo "There is no INT8 model of this engine: [its card](../engines/larynx/card.md) says why. All of it: [f32](study/larynx-f32.md)."
    fi
} > "$root/docs/study.md"
echo "docs/study.md, docs/study/; pages with pictures in $out"
