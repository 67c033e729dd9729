# The stages of larynx; run.sh reads this. See README.md.
#
# Without --patients: the engine, trained on all but the last fifth of each sequence. With --patients patient1 (or
# patient2): a network trained on that patient, scored on the other, and no engine; its scores join the card
# when the engine is published next.

train() {
    of=$1 name=$2; shift 2
    "$python" -m larynx.train --data "$data" --patients "$of" --out "$work/$name" --threads "$threads" --resume "$@"
    "$python" -m larynx.export --weights "$work/$name/final.pt" --model "$work/$name/model.onnx"
    "$python" -m larynx.evaluate --model "$work/$name/model.onnx" --data "$data" --patients "$of" --out "$work/$name/scores"
}

if [ -n "$patients" ]; then
    train "$patients" "$patients" --epochs 38 --small-epochs 30 --peak 4e-3 --decay-from 0.3
    echo "scores written to $work/$patients/scores/scores.json"
else
    "$python" -m larynx.split --data "$data" --out "$here/larynx/split.csv"
    train patient1,patient2 blocks --epochs 160 --small-epochs 50 --peak 4e-3 --decay-from 0.3
    set --
    for one in patient1 patient2; do
        [ ! -f "$work/$one/scores/scores.json" ] || set -- "$@" "$work/$one/scores/scores.json"
    done
    "$python" -m larynx.publish --model "$work/blocks/model.onnx" --scores "$work/blocks/scores/scores.json" \
        --across "$@" --out "$out"
    echo "engine written to $out"
fi
