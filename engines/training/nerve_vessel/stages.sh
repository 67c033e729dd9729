# The stages of nerve-vessel; run.sh reads this. See README.md.

start=${start:-$root/engines/fetal-head/model.onnx}
[ -f "$start" ] || fail "no '$start': give a shipped model.onnx with --start"
other=
[ "$(basename "$(dirname "$start")")" = nerve-vessel ] || other=--other-head

"$python" -m nerve_vessel.split --data "$data" --out "$here/nerve_vessel/split.csv"
if [ -n "$other" ]; then
    "$python" -m nerve_vessel.train --data "$data" --out "$work/stage1" --start "$start" $other --threads "$threads" --resume \
        --epochs 110 --small-epochs 70 --peak 2.5e-3 --decay-from 0.3 --light-share 0.3
    start=$work/stage1/final.pt
fi
"$python" -m nerve_vessel.train --data "$data" --out "$work/stage2" --start "$start" --threads "$threads" --resume \
    --epochs 80 --peak 2.5e-3 --decay-from 0.15 --light-share 0.3 --each-picture 0.5 --seed 7
last_share=0.75
finish nerve_vessel "$work/stage2/final.pt" "$start"
"$python" -m nerve_vessel.publish --model "$work/model.onnx" --scores "$work/scores/scores.json" \
    --unlikeness "$work/unlikeness.json" --out "$out"
int8 nerve_vessel
