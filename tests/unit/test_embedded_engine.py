"""Background processes, and the Docker Engine as one: found, started, named when it is gone."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import pytest
from docker import DockerClient
from docker.errors import DockerException

from tasks.clients import Clients
from tasks.embedded import (
    debian,
    engine,
    processes,
)
from tasks.embedded.debian import Machine
from tasks.embedded.engine import Daemon, EngineDiedError, EngineStatus
from tasks.embedded.processes import Process
from tasks.sdk_errors import EngineHangsError
from tests.support.fakes import Recorder
from tests.support.models import AWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.embedded.debian import System

SILENT = "Error while fetching server API version: Connection refused"
FORBIDDEN = "Error while fetching server API version: PermissionError(13, 'Permission denied')"

# Answers as much of the Docker Engine's API as docker-py asks for when it connects.
FAKE_DAEMON = """
import http.server, json, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return "socket"
    def do_GET(self):
        body = json.dumps({"ApiVersion": "1.41", "Version": "99.0"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
print("API listen on", sys.argv[1], flush=True)
socketserver.UnixStreamServer(sys.argv[1], Handler).serve_forever()
"""


class EngineClients(Clients):
    """Clients whose Docker Engine is at a socket of the test's own."""

    def __init__(self, where: Path) -> None:
        super().__init__(AWS)
        self.where = where
        self.opened: list[DockerClient] = []

    @cached_property
    def docker(self) -> DockerClient:
        """The engine at that socket."""
        client = DockerClient(base_url=f"unix://{self.where}")
        self.opened.append(client)
        return client


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A machine whose Docker Engine is the fake one."""
    program = tmp_path / "fake_dockerd.py"
    program.write_text(FAKE_DAEMON)
    return Daemon(
        state=tmp_path / ".local",
        host=f"unix://{tmp_path}/d.sock",
        listens_at=f"unix://{tmp_path}/d.sock",
        machine=Machine("debian", root=True),
        command=(sys.executable, str(program), str(tmp_path / "d.sock")),
        lock=tmp_path / "lock",
        its_pid_file=tmp_path / "docker.pid",
        containerd_pid_file=tmp_path / "containerd.pid",
        systemd=tmp_path / "no-systemd",
    )


@pytest.fixture
def engine_clients(tmp_path: Path, daemon: Daemon) -> Iterator[EngineClients]:
    clients = EngineClients(tmp_path / "d.sock")
    yield clients
    engine.stop(daemon, clients)
    for each in clients.opened:
        each.close()


def test_a_pid_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    known = processes.remember(tmp_path / "x.pid", Process(12, "345"), "port 4566")
    assert processes.recall(tmp_path / "x.pid") == known == Process(12, "345", "port 4566")


@pytest.mark.parametrize("text", ["", "12", "{}", '{"pid": "x", "started": "", "purpose": ""}', "[1]"])
def test_a_damaged_pid_file_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.pid").write_text(text)
    assert processes.recall(tmp_path / "x.pid") is None


def test_a_process_that_got_an_old_ones_number_is_not_mistaken_for_it() -> None:
    myself = processes.identify(os.getpid())
    assert myself is not None
    assert myself.is_alive()
    assert not replace(myself, started="1").is_alive()


def test_a_process_that_ended_before_it_could_be_looked_at_is_not_taken_for_alive() -> None:
    pid = os.posix_spawnp("true", ("true",), os.environ)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    too_late = processes.identify(pid) or processes.Process(pid, "")
    assert too_late.started == ""
    assert not too_late.is_alive()


def test_the_process_that_listens_on_a_port_is_found() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = int(server.getsockname()[1])
        assert processes.listener(port) is None
        server.listen()
        holder = processes.listener(port)
    assert holder is not None
    assert holder.pid == os.getpid()
    assert os.path.basename(sys.executable) in holder.command  # noqa: PTH119 - of a name, not a file


def test_a_background_process_writes_to_its_log_and_holds_none_of_our_pipes(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)  # noqa: FBT003 - its only signature
    clients = Clients(AWS)
    log = tmp_path / "folder" / "its.log"
    code = "import sys, time; print('one'); print('two', file=sys.stderr, flush=True); time.sleep(60)"
    process = processes.start((sys.executable, "-u", "-c", code), {}, log)
    os.close(writing)
    try:
        assert os.read(reading, 1) == b""  # only closed once nobody holds the other end
        while len(processes.last_lines(log, 2)) < 2:
            assert process.is_alive()
            clients.sleep(0.01)
        assert processes.last_lines(log, 1) == ("two",)
        assert processes.stop(process, 5, clients)
        assert not process.is_alive()
    finally:
        os.close(reading)
        processes.kill(process, clients)


def test_only_lines_after_the_start_count_as_what_it_said(tmp_path: Path) -> None:
    log = tmp_path / "its.log"
    log.write_text("old\n")
    before = processes.size(log)
    log.write_text("old\nnew\n")
    assert processes.last_lines(log, 5, before) == ("new",)
    assert processes.last_lines(tmp_path / "none", 5) == ()
    assert processes.last_lines(log, 0) == ()


@pytest.mark.parametrize(
    ("platform", "os_release", "system"),
    [
        ("linux", 'ID=debian\nVERSION_ID="12"\n', "debian"),
        ("linux", "ID=ubuntu\nID_LIKE=debian\n", "debian"),
        ("linux", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', "debian"),
        ("linux", "ID=fedora\n", "linux"),
        ("linux", "", "linux"),
        ("darwin", "", "macos"),
        ("win32", "", "windows"),
    ],
)
def test_the_kind_of_system_is_recognised(platform: str, os_release: str, system: System) -> None:
    assert debian.system_of(platform, os_release) == system


@pytest.mark.parametrize(
    ("machine", "installed", "fix"),
    [
        (Machine("macos", root=False), False, "docs.docker.com/desktop/setup/install/mac-install"),
        (Machine("windows", root=False), False, "docs.docker.com/desktop/setup/install/windows-install"),
        (
            Machine("debian", root=False),
            False,
            "sudo apt-get install -y --no-install-recommends docker.io iptables",
        ),
        (Machine("debian", root=False), True, "sudo systemctl start docker"),
        (Machine("linux", root=False), True, "sudo systemctl start docker"),
        (Machine("linux", root=True), False, "your distribution's package"),
    ],
)
def test_where_no_engine_can_be_started_the_message_says_what_to_do(
    daemon: Daemon, machine: Machine, *, installed: bool, fix: str
) -> None:
    refusal = engine.why_not(DockerException(SILENT), replace(daemon, machine=machine), installed=installed)
    assert refusal is not None
    assert refusal.exit_code == 3
    assert str(refusal).startswith(f"No Docker Engine answers at {daemon.host}.")
    assert fix in refusal.fix


@pytest.mark.parametrize(
    ("machine", "installed"),
    [
        (Machine("debian", root=True), False),
        (Machine("debian", root=True), True),
        (Machine("linux", root=True), True),
    ],
)
def test_root_may_install_it_on_debian_and_start_it_anywhere(
    daemon: Daemon, machine: Machine, *, installed: bool
) -> None:
    assert engine.why_not(DockerException(SILENT), replace(daemon, machine=machine), installed=installed) is None


def test_a_socket_that_this_user_may_not_use_has_its_own_message(daemon: Daemon) -> None:
    refusal = engine.why_not(DockerException(FORBIDDEN), daemon, installed=True)
    assert refusal is not None
    assert "This user may not use the Docker Engine" in str(refusal)
    assert "usermod -aG docker" in refusal.fix


def test_no_engine_is_started_here_when_another_address_was_asked_for(daemon: Daemon) -> None:
    elsewhere = replace(daemon, host="tcp://build.example.com:2376")
    refusal = engine.why_not(DockerException(SILENT), elsewhere, installed=True)
    assert refusal is not None
    assert "tcp://build.example.com:2376" in str(refusal)
    assert "DOCKER_HOST" in refusal.fix


def test_an_engine_is_started_once_and_then_found(
    daemon: Daemon, engine_clients: EngineClients, recorder: Recorder
) -> None:
    assert engine.start(daemon, engine_clients, recorder)
    assert "Docker Engine started" in recorder.text
    assert not engine.start(daemon, engine_clients, recorder)
    found = engine.status(daemon, engine_clients)
    assert found == EngineStatus(daemon.host, "99.0", started_here=True)


def test_an_engine_that_went_away_is_named_and_started_again(
    tmp_path: Path, daemon: Daemon, engine_clients: EngineClients, recorder: Recorder
) -> None:
    engine.start(daemon, engine_clients, recorder)
    first = processes.recall(daemon.pid_file)
    assert first is not None
    processes.kill(first, engine_clients)
    assert not engine.status(daemon, engine_clients).answers
    (tmp_path / "d.sock").unlink()
    assert engine.start(daemon, engine_clients, recorder)
    assert f"(pid {first.pid}) is gone; starting it again" in recorder.text


def test_an_engine_that_ends_at_once_is_reported_with_its_last_lines(
    daemon: Daemon, engine_clients: EngineClients, recorder: Recorder
) -> None:
    broken = replace(daemon, command=(sys.executable, "-c", "raise SystemExit('no cgroups here')"))
    with pytest.raises(EngineDiedError) as caught:
        engine.start(broken, engine_clients, recorder)
    assert "ended at once" in str(caught.value)
    assert caught.value.evidence == ("no cgroups here",)
    assert str(daemon.log) in caught.value.fix


def test_the_daemons_own_pid_files_are_removed_when_their_number_belongs_to_another_program(
    daemon: Daemon, engine_clients: EngineClients, recorder: Recorder
) -> None:
    stale = (daemon.its_pid_file, daemon.containerd_pid_file)
    for path in stale:
        path.write_text(str(os.getpid()))
    engine.start(daemon, engine_clients, recorder)
    assert not any(path.exists() for path in stale)
    assert f"{daemon.its_pid_file} was left by a Docker Engine that is gone" in recorder.text


def test_an_engine_that_was_not_started_here_is_not_stopped(daemon: Daemon, engine_clients: EngineClients) -> None:
    assert engine.stop(daemon, engine_clients) is None


class ImpatientClients(Clients):
    """Clients that take an engine for hanging soon."""

    engine_seconds = 1


def test_an_engine_that_hangs_is_named_and_no_second_one_started(
    daemon: Daemon, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", daemon.host)
    clients = ImpatientClients(AWS)
    with socket.socket(socket.AF_UNIX) as hangs:
        hangs.bind(daemon.host.removeprefix("unix://"))
        hangs.listen()
        problem = engine.status(daemon, clients).problem
        with pytest.raises(EngineHangsError) as caught:
            engine.start(daemon, clients, recorder)

    assert problem == str(caught.value)
    assert "takes a connection and does not answer" in problem
    assert "restart docker" in caught.value.fix
    assert recorder.text == ""
