"""Bayesian optimisation, by the library of that name: a Gaussian process over a cube.

It is imported when it is first asked, for it brings scikit-learn and SciPy.
"""

from __future__ import annotations

import functools
import statistics
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

KEPT = 200
"""Results that are looked at, the best ones: a Gaussian process takes the cube of their number."""

SAMPLES = 2_000
"""Places of which the expected improvement is computed."""

CLIMBS = 4
"""The best of them, from which it goes uphill."""

EXPLORATION = 0.01
"""Standard deviations that an improvement has to be worth."""

RESTARTS, FEW = 5, 50
"""Fits of the process from other starts, and up to how many results they are cheap."""

NOISE = 1e-5
"""Variance of a score that isn't the hyperparameters' doing, of standardised scores."""


@functools.cache
def load() -> Callable[[int, int], Any]:
    """Import the library; what is returned makes an optimiser for a width and a seed."""
    from bayes_opt import BayesianOptimization
    from bayes_opt.acquisition import ExpectedImprovement

    # Of fits that stop at a bound, and of a parent's places that are outside.
    warnings.filterwarnings("ignore", module=r"(sklearn\.gaussian_process|bayes_opt|harness)\b")

    class Improvement(ExpectedImprovement):
        """The library's, with fewer samples: a suggestion is to cost less than a container."""

        def suggest(self, *args: Any, **members: Any) -> NDArray[Any]:
            effort = {"n_random": SAMPLES, "n_smart": CLIMBS}
            found: NDArray[Any] = super().suggest(*args, **{**members, **effort})
            return found

    def make(width: int, seed: int) -> Any:
        return BayesianOptimization(
            None,
            {f"x{index:04}": (0.0, 1.0) for index in range(width)},
            acquisition_function=Improvement(xi=EXPLORATION),
            random_state=seed % 2**32,
            verbose=0,
            allow_duplicate_points=True,
        )

    return make


def suggest(
    places: Sequence[Sequence[float]],
    scores: Sequence[float],
    pending: Sequence[Sequence[float]],
    width: int,
    *,
    seed: int,
) -> list[float]:
    """The place in the cube [0, 1]^width where a better score is expected most.

    `places` have `scores`, the larger the better; `pending` ones will have. The library takes those
    for as good as the best known ("constant liar"), so that nothing is expected beside them.
    """
    from threadpoolctl import threadpool_limits

    # Each place once, with its best score.
    once = dict(sorted(zip(map(tuple, places), scores, strict=True), key=lambda each: each[1]))
    best = sorted(((score, place) for place, score in once.items()), reverse=True)[:KEPT]
    known = [score for score, _ in best]
    mean, spread = statistics.fmean(known), statistics.pstdev(known) or 1.0
    optimiser = load()(width, seed)
    keys = optimiser.space.keys
    for score, place in best:
        optimiser.register(dict(zip(keys, place, strict=True)), (score - mean) / spread)
    for place in {tuple(each) for each in pending} - once.keys():
        optimiser.register(dict(zip(keys, place, strict=True)), (known[0] - mean) / spread)
    restarts = RESTARTS if len(places) <= FEW else 1
    optimiser.set_gp_params(n_restarts_optimizer=restarts, alpha=NOISE)
    with threadpool_limits(1):  # matrices this small are slower with several
        found = optimiser.suggest()
    return [float(found[key]) for key in keys]
