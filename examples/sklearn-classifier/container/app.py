"""The FastAPI app that `serve` runs. What a row is stands in its types, and FastAPI holds to it."""

from pathlib import Path
from typing import Annotated, Literal

import joblib
import pandas as pd
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import Field

Centimetres = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
Row = tuple[Centimetres, Centimetres, str, Literal["yes", "no"]]
COLUMNS = ("cap_cm", "stem_cm", "colour", "ring")

# A model that isn't there, or can't be read, ends the server: SageMaker then says so.
model = joblib.load(Path("/opt/ml/model/model.joblib"))

app = FastAPI(openapi_url=None)


@app.get("/ping")
async def ping() -> Response:
    return Response()


@app.post("/invocations")
def invocations(rows: Annotated[list[Row], Field(min_length=1)]) -> list[list[float]]:
    """For each row the probability of each label, in the alphabet's order: edible, poisonous.

    As it is no `async` function, it runs in a thread, and /ping is answered meanwhile.
    """
    return model.predict_proba(pd.DataFrame(rows, columns=COLUMNS)).tolist()


@app.exception_handler(RequestValidationError)
async def refusal(_: Request, error: RequestValidationError) -> JSONResponse:
    """What is wrong with the body, and where."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return JSONResponse({"error": f"{where}: {first['msg']}"}, status_code=400)
