#!/usr/bin/env bash
# The manifest of configs/archive/kubernetes.yaml without a cluster: held to the schemas of Kubernetes, then every pod's command is run as
# the manifest has it, with its variables, against a store (moto) on loopback. One pod is killed half-way and started again. What is
# merged is what one process makes. The environment stays in tests/kubernetes/work.
#
#   tests/kubernetes/run.sh PROGRAM
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=$(realpath "${1:?usage: tests/kubernetes/run.sh PROGRAM}")
venv=tests/kubernetes/work/venv
if [ ! -f "$venv/complete" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'kubernetes-validate==1.37.0' 'moto[s3,server]==5.1.*' 'pyyaml==6.*'
    touch "$venv/complete"
fi
exec "$venv/bin/python" tests/kubernetes/pods.py "$program" configs/archive/kubernetes.yaml
