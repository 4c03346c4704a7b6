"""What the operations on each kind of job do alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from harness.local.jobs.job import Job
from harness.local.lineage.entity import settle
from harness.local.protocol.errors import AwsError
from harness.local.protocol.messages import RequestContext
from harness.local.protocol.paging import DEFAULT_PAGE, page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.local.core.backend import Backend
    from harness.local.core.store import Table

J = TypeVar("J", bound=Job)


class JobProvider(Generic[J]):
    """The jobs of one kind: begun, found, listed, stopped and deleted.

    A kind's provider has a method for each of its operations, which calls these.
    """

    kind: ClassVar[type[Job]]
    missing: ClassVar[str] = "Requested resource not found."
    """What is said where there is no job of `{name}`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._jobs: Table[J] = backend.store.table(self.kind.kind)

    def saved(self) -> list[dict[str, Any]]:
        """All jobs of the kind, for `restore`."""
        return [{"job": each.saved(), "tags": tags} for each, tags in self._jobs.saved()]

    def restore(self, saved: list[dict[str, Any]]) -> None:
        """Keep the jobs that were saved, as jobs that have ended."""
        for each in saved:
            region = each["job"]["region"]
            context = RequestContext(
                "sagemaker", f"Create{self.kind.noun}", region, self._backend.account_id, ""
            )
            job = self._made(context, each["job"])
            job.restore(each["job"])
            self._jobs.restore(job, each["tags"])

    def _made(self, context: RequestContext, saved: Mapping[str, Any]) -> J:
        """A job of the request of one that was saved."""
        job: Any = self.kind(self._backend, context, saved["request"])
        return job  # type: ignore[no-any-return]

    @property
    def _words(self) -> str:
        """`training job`."""
        return self.kind.kind.replace("-", " ")

    def _begin(self, job: J) -> dict[str, Any]:
        """Keep the job with its tags, and run it. Raises `ResourceInUse` if its name is taken."""
        with self._backend.store.lock:
            if job.arn in self._jobs:
                raise AwsError("ResourceInUse", f"{job.taken} ({job.arn})")
            job.track()
            self._jobs.add(job, job.request.get("Tags"))
        self._backend.spawn(job.run, f"{job.kind}-{job.name}")
        return {f"{job.noun}Arn": job.arn}

    def _find(
        self, context: RequestContext, request: Mapping[str, Any], code: str = "ValidationException"
    ) -> J:
        """The job that a request names. Raises an error of this code if there is none."""
        name = request[f"{self.kind.noun}Name"]
        job = self._jobs.find(context, name)
        if job is None:
            raise AwsError(code, self.missing.format(name=name))
        return job

    def _list(
        self,
        context: RequestContext,
        request: Mapping[str, Any],
        *,
        descending: bool,
        default_page: int = DEFAULT_PAGE,
        wanted: Callable[[dict[str, Any]], bool] = lambda _summary: True,
    ) -> dict[str, Any]:
        """A page of the jobs in the account and region of a call.

        `wanted` filters them by what only this kind of job has.
        """
        noun = self.kind.noun
        return page(
            [each for job in self._jobs.of(context) if wanted(each := job.summary())],
            request,
            member=f"{noun}Summaries",
            noun=noun,
            descending=descending,
            default_page=default_page,
        )

    def _stop(self, context: RequestContext, request: Mapping[str, Any]) -> None:
        """Raises `ValidationException` if the job has ended."""
        job = self._find(context, request)
        if not job.stop():
            raise AwsError(
                "ValidationException",
                f"The request was rejected because the {self._words} is in status {job.status}.",
            )

    def _delete(self, context: RequestContext, request: Mapping[str, Any]) -> None:
        """Forget a job that has ended."""
        with self._backend.store.lock:
            job = self._find(context, request, "ResourceNotFound")
            if job.status in ("InProgress", "Stopping"):
                raise AwsError(
                    "ResourceInUse",
                    f"The {self._words} {job.arn} is in status {job.status}; only one that is "
                    "Completed, Failed or Stopped can be deleted.",
                )
            settle(self._backend.store)
            self._jobs.remove(job)
