#!/usr/bin/env bash
# A list of recordings in an S3 store, replayed into it by three shards and merged out of it: what comes is what one process makes in
# a folder. The store is moto's (https://docs.getmoto.org), on loopback, in an environment of its own that stays in tests/s3/work.
#
#   tests/s3/run.sh PROGRAM
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=$(realpath "${1:?usage: tests/s3/run.sh PROGRAM}")
venv=tests/s3/work/venv
if [ ! -f "$venv/complete" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'moto[s3,server]==5.1.*' 'pyarrow==21.*'
    touch "$venv/complete"
fi
work=$(mktemp -d)
server=
trap 'status=$?; [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"; exit $status' EXIT
port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$venv/bin/moto_server" --host 127.0.0.1 --port "$port" >"$work/moto.log" 2>&1 &
server=$!
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
export AWS_ENDPOINT=http://127.0.0.1:$port AWS_ALLOW_HTTP=true

"$program" phantom fetal-head --out "$work/phantom" --frames 12 >/dev/null
video=$(find "$work/phantom" -maxdepth 1 \( -name '*.mp4' -o -name '*.mkv' \) | head -n 1)
{
    echo input,id,site
    for n in $(seq 7); do echo "in/clip.${video##*.},clip$n,ward"; done
    echo in/missing.mp4,gone,ward
} >"$work/list.csv"
mkdir "$work/in"
cp "$video" "$work/in/clip.${video##*.}"
"$venv/bin/python" - "$work" "$port" "${video##*.}" <<'PY'
import sys, time, boto3
work, port, ending = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}")
for _ in range(100):
    try:
        s3.create_bucket(Bucket="clinic")
        break
    except Exception:
        time.sleep(0.1)
s3.upload_file(f"{work}/list.csv", "clinic", "list.csv")
s3.upload_file(f"{work}/in/clip.{ending}", "clinic", f"in/clip.{ending}")
PY

options=(--engine fetal-head --calibration 0.2 --masks --parquet)
one() { status=0; "$@" || status=$?; [ "$status" -le 1 ]; }
# A recording that is not there fails, and the rest is done.
one "$program" replay --list "$work/list.csv" --out "$work/whole" "${options[@]}"
"$program" merge "$work/whole" --list "$work/list.csv"
for shard in 0 1 2; do
    one "$program" replay --list s3://clinic/list.csv --out s3://clinic/runs --shard $shard/3 "${options[@]}" &
    shards[shard]=$!
done
for pid in "${shards[@]}"; do wait "$pid"; done
# Again: nothing is left to do.
"$program" replay --list s3://clinic/list.csv --out s3://clinic/runs "${options[@]}" --json | tail -n 1 | tee "$work/again.json"
grep -q '"before":8' "$work/again.json"
"$program" merge s3://clinic/runs --list s3://clinic/list.csv --out "$work/merged"
cmp "$work/whole/values.parquet" "$work/merged/values.parquet"
cmp "$work/whole/frames.parquet" "$work/merged/frames.parquet"
diff <(cd "$work/whole" && find . -name '*.png' -exec sha256sum {} + | sort) \
    <(cd "$work/merged" && find . -name '*.png' -exec sha256sum {} + | sort)
"$venv/bin/python" - "$work" <<'PY'
import sys, pyarrow.parquet as parquet
for name in ("values", "frames"):
    table = parquet.read_table(f"{sys.argv[1]}/merged/{name}.parquet")
    print(name, table.num_rows, "rows:", ", ".join(f"{f.name} {f.type}" for f in table.schema))
    assert table.num_rows and set(table["run"].to_pylist()) == {f"clip{n}" for n in range(1, 8)}
PY
echo "the store's run is that of one process"
