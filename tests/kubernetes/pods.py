"""Runs the pods of an indexed job as processes; see run.sh."""

import filecmp
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

import boto3
import kubernetes_validate
import yaml

BUCKET = "clinic"
RECORDINGS = 24
# Indexed jobs are stable since 1.24; the package has schemas from 1.25 on.
VERSIONS = range(25, 38)


def validate(manifest):
    """Holds the manifest to the schemas, unknown fields being errors."""
    for minor in VERSIONS:
        kubernetes_validate.validate(manifest, f"1.{minor}", strict=True)
    wrong = {**manifest, "spec": {**manifest["spec"], "completionMod": "Indexed"}}
    try:
        kubernetes_validate.validate(wrong, f"1.{VERSIONS[-1]}", strict=True)
    except kubernetes_validate.ValidationError:
        return
    sys.exit("the schema lets a misspelt field pass: nothing was shown")


class Store:
    """moto's store on loopback."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.secret = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        self.place = {"AWS_ENDPOINT": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true"}
        server = pathlib.Path(sys.executable).parent / "moto_server"
        self.log = open(folder / "moto.log", "w")
        self.process = subprocess.Popen([server, "--host", "127.0.0.1", "--port", str(port)], stdout=self.log, stderr=self.log)
        self.client = boto3.client("s3", endpoint_url=self.place["AWS_ENDPOINT"], region_name="us-east-1",
                                   aws_access_key_id="test", aws_secret_access_key="test")
        for _ in range(100):
            try:
                self.client.create_bucket(Bucket=BUCKET)
                return
            except Exception:
                time.sleep(0.1)
        sys.exit("the store does not start")

    def finished(self):
        """How many recordings are done."""
        keys = self.client.list_objects_v2(Bucket=BUCKET, Prefix="runs/").get("Contents", [])
        return sum(entry["Key"].endswith("/done.json") for entry in keys)


def pod(container, store, program, index):
    """Starts a pod's command with what the manifest and the job controller give it."""
    given = {entry["name"]: entry["value"] for entry in container["env"]}
    command = [program, *(part.replace("BUCKET", BUCKET) for part in container["command"][1:])]
    environment = {**os.environ, **given, **store.secret, **store.place, "JOB_COMPLETION_INDEX": str(index)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def run(container, spec, store, program):
    """All pods, as many at once as the job says and this machine bears; the first is killed when some work is done."""
    waiting, running, starts, killed = list(range(spec["completions"])), {}, 0, False
    while waiting or running:
        while waiting and len(running) < min(spec["parallelism"], 4):
            index = waiting.pop(0)
            running[index] = pod(container, store, program, index)
            starts += 1
        if not killed and 0 in running and store.finished() >= 1:
            running[0].send_signal(signal.SIGKILL)
            killed = True
        for index, process in list(running.items()):
            status = process.poll()
            if status is not None:
                del running[index]
                if status != 0:
                    waiting.append(index)
        if starts > spec["completions"] + spec["backoffLimit"]:
            sys.exit("the job would have given up")
        time.sleep(0.02)
    return starts, killed


def main():
    program, path = sys.argv[1:]
    manifest = yaml.safe_load(pathlib.Path(path).read_text())
    validate(manifest)
    spec = manifest["spec"]
    [container] = spec["template"]["spec"]["containers"]
    given = {entry["name"]: entry["value"] for entry in container["env"]}
    assert given["VESALIUS_SHARDS"] == str(spec["completions"]), "as many shards as completions"
    assert container["command"][0] == "vesalius" and spec["completionMode"] == "Indexed"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        subprocess.run([program, "phantom", "fetal-head", "--out", folder / "phantom", "--frames", "12"], check=True, stdout=subprocess.DEVNULL)
        table = "input,id,calibration\n" + "".join(f"clip.mp4,clip{n:02},0.2\n" for n in range(RECORDINGS))
        (folder / "phantom/list.csv").write_text(table)
        store = Store(folder)
        try:
            store.client.upload_file(str(folder / "phantom/list.csv"), BUCKET, "recordings.csv")
            store.client.upload_file(str(folder / "phantom/clip.mp4"), BUCKET, "clip.mp4")
            starts, killed = run(container, spec, store, program)
            assert killed and starts > spec["completions"], "a pod was killed and started again"
            environment = {**os.environ, **given, **store.secret, **store.place}
            subprocess.run([program, "merge", f"s3://{BUCKET}/runs/first", "--list", f"s3://{BUCKET}/recordings.csv",
                            "--out", folder / "merged"], check=True, env=environment)
        finally:
            store.process.terminate()
            store.process.wait()
            store.log.close()
        whole = folder / "whole"
        options = [part for part in container["command"] if part in ("--no-video",)]
        subprocess.run([program, "replay", "--list", folder / "phantom/list.csv", "--out", whole, "--threads", "2", *options],
                       check=True, stdout=subprocess.DEVNULL)
        subprocess.run([program, "merge", whole, "--list", folder / "phantom/list.csv"], check=True, stdout=subprocess.DEVNULL)
        for name in ("values.parquet", "frames.parquet"):
            assert filecmp.cmp(folder / "merged" / name, whole / name, shallow=False), f"{name} differs"
    print(f"valid for Kubernetes 1.{VERSIONS[0]} to 1.{VERSIONS[-1]}; {spec['completions']} pods in {starts} starts: "
          "what was merged is what one process made")


main()
