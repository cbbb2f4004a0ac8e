"""Worker processes: started, replaced when they die, renewed one by one, ended.

They are forked from this process, which does nothing else: it opens no database, has no
threads and answers nobody. What they work with is handed on by the fork, so a worker that
is replaced goes by the same configuration as the others, whatever became of its file.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, NoReturn

import structlog

from feedsvc.errors import FeedsvcError

log = structlog.get_logger("feedsvc.supervisor")

# A worker that lived for so long did not die of how it was started.
STEADY_SECONDS = 10
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 30
# From being asked to end until being killed.
DRAIN_SECONDS = 4.5
SETTLE_SECONDS = 600
INTERRUPT_SECONDS = 1


Step = Literal["serve", "try", "settle"]


@dataclass(frozen=True, slots=True)
class Place:
    """What a worker is told.

    :param step: ``serve``; ``try``: a renewal, which nobody serves by yet; ``settle``:
        everybody does now, and this one is only to see to what the last ones left.
    :param lifeline: readable, at its end, when the supervisor is gone.
    :param is_up: to be called once it serves.
    """

    number: int
    step: Step
    lifeline: int
    is_up: Callable[[], None]


Work = Callable[[Place], None]


@dataclass(frozen=True, slots=True)
class _Worker:
    pid: int
    number: int
    work: Work
    begun: float
    ready: int


class Supervisor:
    """Keeps as many workers as asked for.

    :param work: what each does until SIGTERM.
    :param renew: the work from now on, called for SIGHUP; raises what is wrong with it.
    :param let_go: called when nothing more is to be accepted.
    :param on_gone: called with the number of each process that has ended.
    """

    def __init__(
        self,
        work: Work,
        count: int,
        *,
        renew: Callable[[], Work],
        let_go: Callable[[], None],
        on_gone: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._on_gone = on_gone
        self._work = work
        self._renew = renew
        self._let_go = let_go
        self._workers: dict[int, _Worker] = {}
        self._due = dict.fromkeys(range(count), 0.0)
        self._failures = dict.fromkeys(range(count), 0)
        # A renewal: what all are to do, who does not yet, and who is about to take over.
        self._new_work = work
        self._outdated: list[int] = []
        self._renew_at = 0.0
        self._candidate: _Worker | None = None
        self._is_unsettled = False
        # Asked to end, and when they are killed.
        self._leaving: dict[int, float] = {}
        self._selector = selectors.DefaultSelector()
        self._lifeline, self._held_end = os.pipe()
        # Under nohup a closed window is none of ours.
        is_asked_for = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        self._terminal = _has_terminal() and is_asked_for

    def run(self) -> int:
        """Until SIGTERM or SIGINT; the exit status."""
        heard, hears = socket.socketpair()
        for end in (heard, hears):
            end.setblocking(False)
        self._selector.register(heard, selectors.EVENT_READ)
        signal.set_wakeup_fd(hears.fileno(), warn_on_full_buffer=False)
        for one in _SIGNALS:
            signal.signal(one, lambda *_: None)
        while True:
            self._start_due()
            for key, _ in self._selector.select(self._pause()):
                if key.data is not None:
                    self._on_up(key.data)
                    continue
                for number in heard.recv(4096):
                    if number in (signal.SIGTERM, signal.SIGINT):
                        return self._end(number)
                    if number == signal.SIGHUP:
                        if self._terminal and not _has_terminal():
                            return self._end(number)  # its window was closed
                        self._on_renew()
            self._reap()
            self._kill_late()

    def _pause(self) -> float | None:
        moments = [*self._due.values(), *self._leaving.values()]
        if self._outdated and self._candidate is None:
            moments.append(self._renew_at)
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    # Beginning

    def _start_due(self) -> None:
        now = time.monotonic()
        for number in [number for number, due in self._due.items() if due <= now]:
            try:
                self._workers[number] = self._start(number, self._work)
            except OSError as error:
                # No process or file to be had: the others go on.
                seconds = self._longer_delay(number)
                self._due[number] = time.monotonic() + seconds
                log.error("worker cannot be started", reason=str(error), again_in=seconds)
            else:
                del self._due[number]
        while self._outdated and self._candidate is None and self._renew_at <= now:
            number = self._outdated.pop(0)
            worker = self._workers.get(number)
            # One that died meanwhile may have been replaced by one with the new work.
            if worker is None or worker.work is not self._new_work:
                step: Step = "serve" if self._new_work is self._work else "try"
                try:
                    self._candidate = self._start(number, self._new_work, step)
                except OSError as error:
                    self._outdated.insert(0, number)
                    self._renew_at = time.monotonic() + self._longer_delay(number)
                    log.error("worker cannot be started", reason=str(error))
                    break
        if self._is_unsettled and not (self._outdated or self._candidate or self._leaving):
            self._is_unsettled = False
            with suppress(OSError):  # a tick does it, if later
                pid = self._start(0, self._work, "settle").pid
                self._leaving[pid] = now + SETTLE_SECONDS

    def _start(self, number: int, work: Work, step: Step = "serve") -> _Worker:
        sys.stdout.flush()
        sys.stderr.flush()
        reads, writes = os.pipe()
        # None of ours may reach the child before it has its own way with them.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
        except OSError:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            for end in (reads, writes):
                os.close(end)
            raise
        if pid == 0:
            os.close(self._held_end)
            self._selector.close()
            self._become_worker(number, work, step, writes)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(writes)
        worker = _Worker(pid, number, work, time.monotonic(), reads)
        self._selector.register(reads, selectors.EVENT_READ, worker)
        return worker

    def _become_worker(self, number: int, work: Work, step: Step, ready: int) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            # Ctrl+C and a closed window reach every process of the group; what is to be
            # done then the supervisor says.
            for one in (signal.SIGINT, signal.SIGHUP):
                signal.signal(one, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            work(Place(number, step, self._lifeline, lambda: _tell(ready)))
            status = 0
        except FeedsvcError as error:
            log.error("worker cannot work", reason=str(error))
        except BaseException:
            log.exception("worker failed")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # Not by the way that waits for threads: the time for that is over.
            os._exit(status)

    def _on_up(self, worker: _Worker) -> None:
        """A worker serves, or its end of the pipe is closed because it ended."""
        is_up = os.read(worker.ready, 1) != b""
        self._selector.unregister(worker.ready)
        os.close(worker.ready)
        if not is_up or worker is not self._candidate:
            return
        before = self._workers.get(worker.number)
        self._workers[worker.number] = worker
        self._work = worker.work
        self._candidate = None
        self._is_unsettled = True
        self._due.pop(worker.number, None)
        if before is not None:
            self._ask_to_end(before)

    # Ending

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._on_gone(pid)
            if self._leaving.pop(pid, None) is None:
                self._on_death(pid, os.waitstatus_to_exitcode(status))

    def _on_death(self, pid: int, status: int) -> None:
        if self._candidate is not None and self._candidate.pid == pid:
            candidate, self._candidate = self._candidate, None
            if candidate.work is self._work:
                self._outdated.insert(0, candidate.number)
                self._renew_at = time.monotonic() + self._delay(candidate)
            else:
                # Those that have not yet taken over an earlier renewal still have to.
                self._new_work = self._work
                self._outdated = [
                    one for one, worker in self._workers.items() if worker.work is not self._work
                ]
                log.error("the new configuration cannot be served; the old one stays in force")
            return
        for number, worker in self._workers.items():
            if worker.pid == pid:
                del self._workers[number]
                seconds = self._delay(worker)
                self._due[number] = time.monotonic() + seconds
                log.warning("worker ended", worker=number, status=status, replaced_in=seconds)
                return

    def _delay(self, worker: _Worker) -> float:
        """Seconds until its place is filled again: more each time it goes wrong at once."""
        if time.monotonic() - worker.begun >= STEADY_SECONDS:
            self._failures[worker.number] = 0
        return self._longer_delay(worker.number)

    def _longer_delay(self, number: int) -> float:
        seconds = min(FIRST_DELAY_SECONDS * 2 ** self._failures[number], LONGEST_DELAY_SECONDS)
        self._failures[number] = min(self._failures[number] + 1, 20)
        return float(seconds)

    def _ask_to_end(self, worker: _Worker) -> None:
        self._leaving[worker.pid] = time.monotonic() + DRAIN_SECONDS
        os.kill(worker.pid, signal.SIGTERM)

    def _kill_late(self) -> None:
        now = time.monotonic()
        for pid, deadline in self._leaving.items():
            if deadline <= now:
                os.kill(pid, signal.SIGKILL)
                self._leaving[pid] = now + DRAIN_SECONDS

    def _end(self, number: int) -> int:
        """Let what is being answered be answered, then end."""
        self._let_go()
        asked = [*self._workers.values(), *filter(None, [self._candidate])]
        for pid in {*self._leaving, *(worker.pid for worker in asked)}:
            os.kill(pid, signal.SIGTERM)
            self._leaving[pid] = 0.0
        deadline = time.monotonic() + (
            INTERRUPT_SECONDS if number == signal.SIGINT else DRAIN_SECONDS
        )
        self._leaving = dict.fromkeys(self._leaving, deadline)
        while self._leaving:
            self._reap()
            self._kill_late()
            time.sleep(0.02)
        log.info("ended")
        return 0

    # Renewing

    def _on_renew(self) -> None:
        try:
            self._new_work = self._renew()
        except FeedsvcError as error:
            log.error("the old configuration stays in force", reason=str(error))
            return
        if self._candidate is not None:
            self._ask_to_end(self._candidate)
            self._candidate = None
        self._outdated = list(self._failures)
        self._renew_at = 0.0
        log.info("taking over the configuration", workers=len(self._outdated))


_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}


def _tell(ready: int) -> None:
    os.write(ready, b"1")
    os.close(ready)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
