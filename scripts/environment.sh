# Sourced by scripts/start and scripts/test: finds Python, makes .venv ready, and leaves its python in $venv_python.
# Needs nothing from the environment: it may be empty.

PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
export PATH

root=$(CDPATH='' cd -- "${0%/*}/.." && pwd) || exit 1
cd -- "$root" || exit 1

is_new_enough() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3 python3.13 python3.12 python3.11 python3.14
    fi
    for candidate in "$@"; do
        if is_new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    {
        echo "scrip: needs Python 3.11 or newer; tried $*, with the PATH $PATH"
        echo "  Debian, Ubuntu: apt-get install python3 python3-venv    macOS: brew install python@3.13"
        echo "  Or name one: PYTHON=/path/to/python3.12 $0"
    } >&2
    return 1
}

python=$(find_python) || exit 1
"$python" "$root/scripts/local/venv.py" || exit $?
venv_python="$root/.venv/bin/python"
