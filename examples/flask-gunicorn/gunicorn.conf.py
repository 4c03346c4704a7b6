"""How gunicorn serves: https://docs.gunicorn.org/en/stable/settings.html."""

import os

bind = f"0.0.0.0:{os.environ.get('SAGEMAKER_BIND_TO_PORT') or 8080}"
preload_app = True  # the model is loaded before anything listens, and its memory is shared
workers = len(os.sched_getaffinity(0))
worker_class = "gthread"  # threads answer /ping while predictions run
threads = 8
keepalive = 75  # SageMaker keeps its connections open
graceful_timeout = 25  # it waits 30 s from SIGTERM to SIGKILL
worker_tmp_dir = "/dev/shm"
control_socket_disable = True
