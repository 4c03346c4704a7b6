"""The program behind `docker run IMAGE serve`: a model behind SageMaker's hosting contract.

errors.py     what a request can do wrong, with the HTTP status of each
content.py    the content types: bytes to array and back
rows.py       which row of a csv isn't one of numbers
accept.py     which content type the client wants
hooks.py      the user's functions: model_fn, input_fn, predict_fn, output_fn, transform_fn
submitted.py  a program that comes with a job or a model: brought here, and what it requires
settings.py   the environment variables
app.py        the WSGI app: /ping, /invocations, /execution-parameters
connection.py HTTP: bytes to requests, and answers to bytes
loop.py       a worker's connections, and which of its threads answers a request
watchdog.py   ends a worker that is stuck in one request
signals.py    signals that are read rather than handled
workers.py    the processes that answer, each replaced when it ends
server.py     loads the model once, then has workers answer
"""
