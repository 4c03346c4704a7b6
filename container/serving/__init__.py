"""The program behind `docker run IMAGE serve`: a model behind SageMaker's hosting contract.

errors.py     what a request can do wrong, with the HTTP status of each
content.py    the content types: bytes to array and back
accept.py     which content type the client wants
hooks.py      the user's functions: model_fn, input_fn, predict_fn, output_fn, transform_fn
settings.py   the environment variables
app.py        the WSGI app: /ping, /invocations, /execution-parameters
relay.py      which of a worker's threads answers a request
watchdog.py   ends a worker that is stuck in one request
server.py     loads the model once, then forks the workers
"""
