"""Work that goes on beside the requests, and the one stream of events that tells the browser of it."""

from __future__ import annotations

import datetime as dt
import itertools
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from loopline.errors import BadValue, LooplineError, Stopped
from loopline.jobs import Pace, Progress, StopSignal
from loopline.server.describe import stamp
from loopline.server.problems import NotThere, problem_of
from loopline.server.wire import JobOut, Problem, Scalar

MAX_EVENTS: Final = 2_000
MAX_JOBS: Final = 200
_TOLD_EVERY_S: Final = 0.25

Work = Callable[[Progress, StopSignal], Mapping[str, Scalar]]


@dataclass(frozen=True, slots=True)
class Event:
    """`kind`: job, snapshot, hello. `body` is JSON."""

    number: int
    kind: str
    body: bytes


class Events:
    """The last events, numbered; whoever missed some asks for those after the last one it saw. Shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._kept: deque[Event] = deque(maxlen=MAX_EVENTS)
        self.last = 0

    def publish(self, kind: str, body: object) -> None:
        with self._lock:
            self.last = next(self._numbers)
            self._kept.append(Event(self.last, kind, msgspec.json.encode(body)))

    def after(self, number: int) -> list[Event]:
        """Oldest first. All that are kept, where `number` is of an earlier life of this server."""
        if number == self.last:
            return []
        with self._lock:
            return [e for e in self._kept if e.number > number or number > self.last]


@dataclass(slots=True)
class _Job:
    id: str
    name: str
    dataset: str
    only_one: str = ""
    work: Work | None = None  # until it is done: a job that ended before may go on
    stop: StopSignal = field(default_factory=StopSignal)
    state: str = "running"
    stage: str = ""
    unit: str = ""
    done: int = 0
    total: int | None = None
    stage_began: float = 0.0
    paused_at: float | None = None
    started_at: str = ""
    ended_at: str = ""
    log: deque[str] = field(default_factory=lambda: deque(maxlen=200))
    result: dict[str, Scalar] = field(default_factory=dict)
    error: Problem | None = None

    @property
    def going(self) -> bool:
        return self.state in ("running", "paused")

    def out(self) -> JobOut:
        now = time.monotonic() if self.paused_at is None else self.paused_at
        pace = Pace(self.done, self.total, now - self.stage_began)
        return JobOut(
            self.id, self.name, self.state, self.dataset, self.stage, self.unit, self.done, self.total,  # type: ignore[arg-type]
            self.started_at, self.ended_at, pace.rate if self.going else None, pace.left_s if self.going else None,
            list(self.log), dict(self.result), self.error,
        )  # fmt: skip


class Jobs:
    """Jobs of this server's life. Each runs in a thread of its own. Shared by threads."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._jobs: OrderedDict[str, _Job] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, name: str, dataset: str, work: Work, *, only_one: str = "") -> JobOut:
        """Begin; `work` is given where to report progress and when to stop, and gives what the job's row links to.

        only_one   where a job with the same is running, that one is the answer
        """
        job = _Job(secrets.token_hex(6), name, dataset, only_one, work, started_at=_now())
        with self._lock:
            same = self._same(job)
            if same is not None:
                return same.out()
            self._jobs[job.id] = job
            over = [i for i, j in self._jobs.items() if not j.going][: max(0, len(self._jobs) - MAX_JOBS)]
            for old in over:
                del self._jobs[old]
        self._begin(job, work)
        return job.out()

    def list(self) -> list[JobOut]:
        """Newest first."""
        with self._lock:
            return [job.out() for job in reversed(self._jobs.values())]

    def get(self, job_id: str) -> JobOut:
        """Raises NotThere."""
        return self._find(job_id).out()

    def stop(self, job_id: str) -> JobOut:
        """Ask it to stop; it does between two steps. Raises NotThere."""
        job = self._find(job_id)
        job.stop.request()
        return job.out()

    def pause(self, job_id: str) -> JobOut:
        """Ask it to wait; it does between two steps. Raises NotThere."""
        job = self._find(job_id)
        with self._lock:
            if job.state == "running":
                job.stop.pause()
                job.state, job.paused_at = "paused", time.monotonic()
        self._tell(job)
        return job.out()

    def resume(self, job_id: str) -> JobOut:
        """Go on after a pause; or begin again after a stop or a failure, where each verb leaves out what it has kept.

        Raises NotThere; BadValue for a job that is done.
        """
        job = self._find(job_id)
        with self._lock:
            if job.state == "paused" and job.paused_at is not None:
                job.stage_began += time.monotonic() - job.paused_at
                job.state, job.paused_at = "running", None
                job.stop.go_on()
            elif job.state != "running":
                if job.work is None:
                    raise BadValue(f"{job.name} is done", hint="start it anew where it is started")
                same = self._same(job)
                if same is not None:
                    return same.out()
                job.state, job.error, job.ended_at, job.stop = "running", None, "", StopSignal()
                self._begin(job, job.work)
                return job.out()
        self._tell(job)
        return job.out()

    def stop_all(self) -> None:
        with self._lock:
            for job in self._jobs.values():
                job.stop.request()

    def _same(self, job: _Job) -> _Job | None:
        """Another that is under way with the same `only_one`."""
        return next((j for j in self._jobs.values() if job.only_one and j.only_one == job.only_one and j.going), None)

    def _begin(self, job: _Job, work: Work) -> None:
        job.stage_began = time.monotonic()
        self._tell(job)
        threading.Thread(target=self._run, args=(job, work), name=f"loopline-job-{job.id}", daemon=True).start()

    def _find(self, job_id: str) -> _Job:
        with self._lock:
            if job_id not in self._jobs:
                raise NotThere(f"no job {job_id}", hint="jobs are forgotten when the app is started anew")
            return self._jobs[job_id]

    def _run(self, job: _Job, work: Work) -> None:
        state, error, result = "done", None, dict[str, Scalar]()
        try:
            result = dict(work(_Reporter(job, self._tell), job.stop))
        except Stopped as stopped:
            state = "stopped"
            job.log.append(f"{stopped.what}; {stopped.hint}" if stopped.hint else stopped.what)
        except LooplineError as fault:
            state, error = "failed", problem_of(fault)
        except Exception as fault:  # a job's thread has nobody above it to tell
            said = f"unexpected {type(fault).__name__}: {fault}"
            state, error = "failed", Problem("loopline:Unexpected", "Unexpected fault", 500, said[:500])
        with self._lock:  # what has ended cannot be paused
            job.state, job.error, job.result = state, error, result
            job.ended_at, job.paused_at = _now(), None
            if state == "done":
                job.work = None
        self._tell(job)

    def _tell(self, job: _Job) -> None:
        self._events.publish("job", job.out())


class _Reporter:
    """A `Progress` that shows in the job's row."""

    def __init__(self, job: _Job, tell: Callable[[_Job], None]) -> None:
        self._job, self._tell = job, tell
        self._told = 0.0

    def start(self, name: str, *, total: int | None = None, unit: str = "") -> None:
        job = self._job
        job.stage, job.unit, job.total, job.done, job.stage_began = name, unit, total, 0, time.monotonic()
        job.log.append(name)
        self._tell(job)

    def advance(self, count: int = 1, *, total: int | None = None) -> None:
        job = self._job
        job.done += count
        job.total = total if total is not None else job.total
        if time.monotonic() - self._told >= _TOLD_EVERY_S:
            self._told = time.monotonic()
            self._tell(job)

    def finish(self) -> None:
        self._tell(self._job)


def _now() -> str:
    return stamp(dt.datetime.now(dt.UTC))
