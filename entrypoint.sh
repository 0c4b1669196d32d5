#!/bin/sh
# What a process of Scrip runs, in a container or out of one. Arguments after the first go to the program.
#   web | worker | scheduler      keep running until SIGTERM
#   migrate [up|status|check...]  up when nothing is said; needs DATABASE_URL
#   doctor [...]                  says what is wrong with this environment
set -eu

CDPATH='' cd -- "$(dirname -- "$0")"
if [ -x .venv/bin/python ]; then # a checkout; the image has its packages on PATH
    PATH="$PWD/.venv/bin:$PATH"
    export PATH
fi

process=${1:-}
[ $# -eq 0 ] || shift

case $process in
    web) exec gunicorn -c gunicorn.conf.py "$@" wsgi:app ;;
    worker) exec python -m backend.worker "$@" ;;
    scheduler) exec python -m backend.worker.schedule "$@" ;;
    migrate)
        [ $# -gt 0 ] || set -- up
        exec python scripts/migrate.py "$@"
        ;;
    doctor) exec python scripts/doctor.py "$@" ;;
    *)
        echo "usage: entrypoint.sh web | worker | scheduler | migrate [...] | doctor [...]" >&2
        exit 2
        ;;
esac
