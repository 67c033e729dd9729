# The stages of larynx; run.sh reads this. See README.md.
#
# Without --patients: the engine, trained on all but the last fifth of each sequence. With --patients patient1 (or
# patient2): a network trained on that patient, scored on the other, and no engine; its scores join the card
# when the engine is published next. With --start the training from nothing is left out.

train() {
    of=$1 name=$2; shift 2
    "$python" -m larynx.train --data "$data" --patients "$of" --out "$work/$name" --threads "$threads" --resume "$@"
}

if [ -n "$patients" ]; then
    train "$patients" "$patients" --epochs 38 --small-epochs 30 --peak 4e-3 --decay-from 0.3
    "$python" -m larynx.export --weights "$work/$patients/final.pt" --model "$work/$patients/model.onnx"
    "$python" -m larynx.evaluate --model "$work/$patients/model.onnx" --data "$data" --patients "$patients" --out "$work/$patients/scores"
    echo "scores written to $work/$patients/scores/scores.json"
else
    "$python" -m larynx.split --data "$data" --out "$here/larynx/split.csv"
    if [ -z "$start" ]; then
        train patient1,patient2 blocks --epochs 160 --small-epochs 50 --peak 4e-3 --decay-from 0.3
        start=$work/blocks/final.pt
    fi
    train patient1,patient2 more --start "$start" --epochs 18 --peak 1.5e-3 --decay-from 0.1 --seed 3 \
        --light-share 0.25 --close-share 0.12
    finish larynx "$work/more/final.pt" ""
    set --
    for one in patient1 patient2; do
        [ ! -f "$work/$one/scores/scores.json" ] || set -- "$@" "$work/$one/scores/scores.json"
    done
    "$python" -m larynx.publish --model "$work/model.onnx" --scores "$work/scores/scores.json" \
        --unlikeness "$work/unlikeness.json" --across "$@" --out "$out"
    int8 larynx
fi
