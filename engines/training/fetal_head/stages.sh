# The stages of fetal-head; run.sh reads this. See the table in README.md. With --start the first four are left out.

negatives=${negatives:-$data/../usgra/images}
[ -d "$negatives" ] || fail "no folder '$negatives': give ultrasound stills without a head with --negatives"

if [ -z "$phantoms" ]; then
    phantoms=$work/phantoms
    # truth.csv is written last, so it marks a complete folder.
    [ -f "$phantoms/truth.csv" ] || (cd "$root" &&
        cargo run --release --package vesalius-phantom --example phantom_stills -- "$phantoms" 400 700001)
fi

"$python" -m fetal_head.split --data "$data" --out "$here/fetal_head/split.csv"

train() {
    stage=$1; shift
    "$python" -m fetal_head.train --data "$data" --out "$work/$stage" --threads "$threads" --resume "$@"
}

if [ -z "$start" ]; then
    train stage1 --epochs 25 --small-epochs 25 --decay-from 1.0
    train stage2 --start "$work/stage1/final.pt" --epochs 8 --decay-from 1.0 \
        --negatives "$negatives" --negative-share 0.08 --repeat-below-mm 100 --outline-offset-px -0.5
    train stage3 --start "$work/stage2/final.pt" --epochs 36 --small-epochs 10 --decay-from 0.35 \
        --negatives "$negatives" --negative-share 0.05 --repeat-below-mm 100 --outline-offset-px -0.5 \
        --phantoms "$phantoms" --phantom-share 0.13
    train stage4 --start "$work/stage3/final.pt" --epochs 20 --decay-from 0.0 --peak 1.5e-3 --dice-weight 1.0 --seed 4 \
        --negatives "$negatives" --negative-share 0.03 --repeat-below-mm 100 --outline-offset-px -0.5 \
        --phantoms "$phantoms" --phantom-share 0.15
    start=$work/stage4/final.pt
fi
train stage5 --start "$start" --epochs 10 --decay-from 0.1 --peak 1e-3 --dice-weight 1.0 --size-weight 1.0 --seed 5 \
    --faint-share 0.12 --light-share 0.25 --negatives "$negatives" --negative-share 0.02 --repeat-below-mm 100 \
    --outline-offset-px -0.5 --phantoms "$phantoms" --phantom-share 0.10

finish fetal_head "$work/stage5/final.pt" "$start" --phantoms "$phantoms"
"$python" -m fetal_head.publish --model "$work/model.onnx" --scores "$work/scores/scores.json" \
    --unlikeness "$work/unlikeness.json" --out "$out"
int8 fetal_head
