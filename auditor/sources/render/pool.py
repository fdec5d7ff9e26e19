"""Rendering many roots, each in a process that may crash without harm to the others."""

import contextlib
import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from auditor.findings import Skipped
from auditor.sources.render.model import Rendered, RenderRoot
from auditor.sources.render.one import render_root
from auditor.sources.rendering import RenderOptions


def render_roots(roots: Sequence[RenderRoot], options: RenderOptions) -> list[Rendered]:
    """Return what each root renders to, so many at a time as the options say."""
    done = _run(roots, options, options.jobs)
    return [done.get(index) or _alone(root, options) for index, root in enumerate(roots)]


def _alone(root: RenderRoot, options: RenderOptions) -> Rendered:
    """Return what a root renders to that was not finished when a process died: the one that dies alone is skipped."""
    done = _run([root], options, 1)
    reason = "the parser crashed on what this renders to"
    return done.get(0) or Rendered(skipped=(Skipped(root.shown, None, None, reason),))


def _run(roots: Sequence[RenderRoot], options: RenderOptions, jobs: int) -> dict[int, Rendered]:
    done: dict[int, Rendered] = {}
    fork = "fork" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if fork else "spawn")
    workers = max(1, min(jobs, len(roots)))
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start) as pool:
        try:
            waiting: list[Future[Rendered]] = [pool.submit(render_root, root, options) for root in roots]
            for index, future in enumerate(waiting):
                done[index] = future.result()
        except BrokenProcessPool:
            return done
        except BaseException:
            for process in list((pool._processes or {}).values()):  # noqa: SLF001 - Ctrl-C must not wait for a tool
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return done


def _start() -> None:
    """Leave Ctrl-C to the parent, which ends this process; that ends the tool that it runs."""
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _: object) -> None:
    # A bare exit would leave the tool, which has a session of its own, behind.
    raise SystemExit(128 + number)
