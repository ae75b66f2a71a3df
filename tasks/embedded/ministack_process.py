"""MiniStack as a background process of this machine."""

from __future__ import annotations

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.embedded import engine, ministack, processes
from tasks.embedded.ministack import Server

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.embedded.processes import Process
    from tasks.report import Report
    from tasks.settings import Settings


def find(settings: Settings, clients: Clients) -> Server:
    """Look for MiniStack without changing anything."""
    known = processes.recall(ministack.pid_file(settings))
    if known is not None and known.is_alive():
        port = int(_purpose(known).get("port", settings.local_port))
        answer = ministack.health(port, clients)
        return Server("running" if answer else "half-started", port, known, answer)
    return _without_process(settings, known, clients)


def ensure(settings: Settings, clients: Clients, report: Report) -> bool:
    """Make sure that it answers; see `Runner`."""
    found = _settled(settings, clients)
    environment = ministack.variables(settings)
    if found.state == "running" and found.process is not None:
        reason = _difference(found.process, environment)
        if not reason:
            return False
        _require_port(found, settings, clients)
        report.say(f"{reason}: restarting the embedded cloud")
        stop(settings, clients, report)
    elif found.state != "stopped":
        _prepare(found, settings, clients, report)
    start(settings, environment, clients, report)
    return True


def stop(settings: Settings, clients: Clients, report: Report) -> bool:
    """Stop it and let it save its state; see `Runner`."""
    found = find(settings, clients)
    if found.process is None or found.state not in {"running", "half-started"}:
        ministack.pid_file(settings).unlink(missing_ok=True)
        return False
    patience = ministack.STOP_SECONDS if found.state == "running" else 5
    if processes.stop(found.process, patience, clients):
        report.say(f"embedded cloud stopped (pid {found.process.pid})")
    else:
        processes.kill(found.process, clients)
        report.say(
            f"embedded cloud (pid {found.process.pid}) did not stop within {patience} s and was ended; "
            "it knows again what it knew at its last clean stop"
        )
    ministack.pid_file(settings).unlink(missing_ok=True)
    return True


def _settled(settings: Settings, clients: Clients) -> Server:
    """Find it, giving one that does not answer time: a busy one must not be restarted under somebody's push."""
    limit = clients.clock() + ministack.HEALTH_SECONDS
    found = find(settings, clients)
    while found.state == "half-started" and clients.clock() < limit:
        clients.sleep(processes.POLL_SECONDS)
        found = find(settings, clients)
    return found


def _without_process(settings: Settings, known: Process | None, clients: Clients) -> Server:
    port = settings.local_port
    if not ministack.is_taken(port):
        return Server("stopped" if known is None else "crashed", port, known)
    holder = processes.listener(port)
    if holder is None:
        answer = ministack.health(port, clients)
        name = "the MiniStack of another user" if answer else "a program that this user may not see"
        return Server("foreign", port, None, answer, name)
    state = holder.variable("STATE_DIR")
    if state == str(ministack.state_folder(settings)):
        # Its pid file is gone, for example after `git clean -fdx`, but it is ours all the same.
        answer = ministack.health(port, clients)
        return Server("running" if answer else "half-started", port, holder, answer)
    where = f"pid {holder.pid} ({_short(holder.command)})"
    is_cloud = bool(state) and "ministack" in holder.command
    place = f"{state.removesuffix('/.local/ministack')}, {where}" if is_cloud else where
    return Server("foreign", port, holder, ministack.health(port, clients) if is_cloud else "", place)


def _prepare(found: Server, settings: Settings, clients: Clients, report: Report) -> None:
    """Clear the way for a start, or say what is in it."""
    pid = found.process.pid if found.process else 0
    ministack.require_ours(found)
    if found.state == "crashed":
        report.say(
            f"the embedded cloud (pid {pid}) is gone without having been stopped; starting it again, "
            "with what it knew at its last clean stop"
        )
    elif found.state == "half-started":
        report.say(f"the embedded cloud (pid {pid}) runs but does not answer; restarting it")
        stop(settings, clients, report)


def _require_port(running: Server, settings: Settings, clients: Clients) -> None:
    """Refuse a new port that somebody else holds, before the running one is stopped for it."""
    if running.port == settings.local_port or not ministack.is_taken(settings.local_port):
        return
    ministack.require_ours(_without_process(settings, None, clients))


def start(settings: Settings, environment: dict[str, str], clients: Clients, report: Report) -> None:
    """Start it and wait until it answers; raises as `Runner.ensure`."""
    if ministack.is_taken(settings.local_port):  # only where the port changed while it ran
        _prepare(_without_process(settings, None, clients), settings, clients, report)
    for name in ("STATE_DIR", "S3_DATA_DIR", "TMPDIR"):
        Path(environment[name]).mkdir(parents=True, exist_ok=True)
    log = ministack.log_file(settings)
    offset = processes.size(log)
    process = processes.start((sys.executable, "-m", "ministack"), environment, log)
    processes.remember(ministack.pid_file(settings), process, json.dumps(_made_for(environment)))
    limit = clients.clock() + ministack.HEALTH_SECONDS
    while not (answer := ministack.health(settings.local_port, clients)):
        if not process.is_alive():
            ministack.pid_file(settings).unlink(missing_ok=True)
            how = f"ended while it started (pid {process.pid})"
            raise ministack.CloudDiedError(how, log, processes.last_lines(log, ministack.LAST_LINES, offset))
        if clients.clock() >= limit:
            how = f"runs (pid {process.pid}) but does not answer after {ministack.HEALTH_SECONDS} s"
            raise ministack.CloudDiedError(how, log, processes.last_lines(log, ministack.LAST_LINES, offset))
        clients.sleep(processes.POLL_SECONDS)
    where = f"http://{ministack.ADDRESS}:{settings.local_port}"
    report.say(f"embedded cloud started: MiniStack {answer} on {where} (pid {process.pid})")


def _difference(process: Process, environment: dict[str, str]) -> str:
    known, now = _purpose(process), _made_for(environment)
    if not known or known == now:
        return ""
    if known.get("engine") != now["engine"]:
        return "the Docker Engine was restarted"
    return "the port, account, region, Docker host or MiniStack's version has changed"


def _made_for(environment: dict[str, str]) -> dict[str, str]:
    """Return what a running one must have been started with to go on being used."""
    return {
        "port": environment["GATEWAY_PORT"],
        "settings": _fingerprint(environment),
        "engine": engine.edition(),
    }


def _fingerprint(environment: dict[str, str]) -> str:
    # PATH and the like differ between two terminals without meaning anything.
    fixed = {name: value for name, value in environment.items() if name not in {"PATH", "SSH_AUTH_SOCK"}}
    text = json.dumps([fixed, version("ministack"), sys.executable], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _purpose(process: Process) -> dict[str, str]:
    try:
        fields = json.loads(process.purpose)
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in fields.items()} if isinstance(fields, dict) else {}


def _short(command: str) -> str:
    return command if len(command) <= 80 else f"{command[:77]}..."
