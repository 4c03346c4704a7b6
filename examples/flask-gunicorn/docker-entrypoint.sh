#!/bin/sh
# `train` and `serve` are SageMaker's words; anything else is run as a command.
set -eu
case "${1:-serve}" in
    train) exec python3 -m bikes.train ;;
    serve) exec gunicorn --config /app/gunicorn.conf.py bikes.web:app ;;
    *) exec "$@" ;;
esac
