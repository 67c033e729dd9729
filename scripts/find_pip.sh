#!/usr/bin/env bash
# Prints a Python that has pip; exits with 1 where there is none.
set -euo pipefail

# The second for a PATH whose first Python has no pip while the system's has.
for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then
        echo "$python"
        exit 0
    fi
done
exit 1
