"""The embedded cloud for real: started, stopped, crashed, in each other's way. Each test has one of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.clients import Clients
from tasks.doctor import doctor
from tasks.embedded import base_images, cloud, ministack, ministack_process, processes
from tasks.settings import load
from tests.support.embedded import Cloud, machine_s_engine, make_cloud
from tests.support.fakes import Recorder
from tests.support.project import free_port, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from docker import DockerClient

    from tasks.embedded.processes import Process
    from tasks.settings import Target


class ImpatientClients(Clients):
    """Clients for which waiting for one process takes no time, and waiting for anything else what it takes."""

    def __init__(self, target: Target, stuck: Process) -> None:
        super().__init__(target)
        self.stuck = stuck
        self.skipped = 0.0

    def clock(self) -> float:
        """Return seconds, those that were skipped among them."""
        return super().clock() + self.skipped

    def sleep(self, seconds: float) -> None:
        """Pause, or skip a second while that process runs."""
        if self.stuck.is_alive():
            self.skipped += 1
        else:
            super().sleep(seconds)


@pytest.fixture
def docker(tmp_path: Path) -> DockerClient:
    """The machine's Docker Engine."""
    project = make_project(tmp_path, LOCAL_PORT=str(free_port()))
    return machine_s_engine(load(project.root, project.environment), Recorder())


def test_a_second_up_finds_everything_and_changes_nothing(running: Cloud) -> None:
    before = running.process
    running.up()
    assert running.process == before
    assert running.said[1] == ""


def test_the_state_survives_down_and_up(running: Cloud) -> None:
    running.learn("kept")
    assert "embedded cloud stopped" in running.down()
    assert cloud.status(running.settings).server.state == "stopped"
    running.up()
    assert running.knows("kept")
    assert "creating" not in running.said[1]


def test_down_says_when_there_was_nothing_to_stop(own: Cloud) -> None:
    assert own.down() == "the embedded cloud was not running\n"


def test_doctor_says_how_to_start_a_cloud_that_is_down(own: Cloud) -> None:
    found = doctor.examine(own.settings, (), own.clients)

    (identity,) = [each for each in found if each.where == "identity"]
    assert (identity.verdict, identity.what) == ("FAIL", "The embedded cloud is not running.")
    assert identity.fix == "Start it: ./inv local.up"


def test_status_changes_nothing_and_says_what_to_do(own: Cloud) -> None:
    found = cloud.status(own.settings)
    assert found.server.state == "stopped"
    assert not found.is_up
    assert not own.settings.state.exists()
    with pytest.raises(cloud.NotRunningError) as caught:
        cloud.require_running(own.settings)
    assert "inv local.up" in caught.value.fix


def test_status_of_a_running_cloud_names_its_parts(running: Cloud) -> None:
    found = cloud.status(running.settings)
    assert found.is_up
    assert found.server.version == "1.5.33"
    assert found.stack == "CREATE_COMPLETE"
    assert [(each.name, each.desired) for each in found.services] == [("backend", 0), ("frontend", 0)]
    cloud.require_running(running.settings)


def test_a_port_taken_by_another_program_is_named_with_that_program(own: Cloud) -> None:
    port = own.settings.local_port
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ministack.PortTakenError) as caught:
        own.up()
    assert f"Port {port}" in str(caught.value)
    assert f"pid {os.getpid()}" in str(caught.value)
    assert "LOCAL_PORT=" in caught.value.fix


def test_the_cloud_of_another_checkout_is_named_and_left_alone(running: Cloud, tmp_path: Path) -> None:
    other = make_cloud(tmp_path / "other", running.settings.local_port)
    with pytest.raises(ministack.ForeignCloudError) as caught:
        other.up()
    assert str(running.project.root) in str(caught.value)
    assert "LOCAL_PORT=" in caught.value.fix
    assert other.down() == "the embedded cloud was not running\n"
    assert cloud.status(running.settings).is_up


@pytest.mark.parametrize(
    "task",
    ["status", "rollback --service=backend", "prune --service=backend", "diagnose", "doctor", "setup.stack"],
)
def test_no_command_asks_the_cloud_of_another_checkout(running: Cloud, tmp_path: Path, task: str) -> None:
    other = make_project(tmp_path, LOCAL_PORT=str(running.settings.local_port))
    result = other.run(*task.split())
    assert result.code == 3
    told = result.out + result.err
    assert f"held by the embedded cloud of another checkout: {running.project.root}" in told
    assert "LOCAL_PORT=" in told


def test_a_cloud_that_is_to_be_on_another_port_is_named_with_both(running: Cloud) -> None:
    port = free_port()
    result = running.project.run("status", LOCAL_PORT=str(port))
    assert result.code == 3
    assert f"runs on port {running.settings.local_port}; LOCAL_PORT is {port}" in result.err


def test_a_crashed_cloud_is_named_and_started_again(running: Cloud) -> None:
    crashed = running.process
    os.kill(crashed.pid, signal.SIGKILL)
    assert processes.ended(crashed, 5, running.clients)
    assert cloud.status(running.settings).server.state == "crashed"
    running.up()
    assert f"(pid {crashed.pid}) is gone without having been stopped" in running.said[1]
    assert cloud.status(running.settings).is_up


def test_a_cloud_that_runs_but_never_answers_is_named_and_restarted(own: Cloud) -> None:
    command = (sys.executable, "-c", "import time; time.sleep(600)")
    stuck = processes.start(command, {}, ministack.log_file(own.settings))
    processes.remember(ministack.pid_file(own.settings), stuck)
    assert cloud.status(own.settings).server.state == "half-started"
    recorder = Recorder()
    ministack_process.ensure(own.settings, ImpatientClients(own.settings.target, stuck), recorder)
    assert f"(pid {stuck.pid}) runs but does not answer; restarting it" in recorder.text
    assert not stuck.is_alive()
    assert cloud.status(own.settings).server.state == "running"


def test_a_cloud_older_than_its_docker_engine_is_restarted_and_knows_the_same(running: Cloud) -> None:
    running.learn("kept")
    before = running.process
    made_for = json.dumps({**json.loads(before.purpose), "engine": "12 345"})
    processes.remember(ministack.pid_file(running.settings), before, made_for)
    running.up()
    assert "the Docker Engine was restarted: restarting the embedded cloud" in running.said[1]
    assert not before.is_alive()
    assert running.knows("kept")


def test_a_cloud_that_ends_while_it_starts_shows_its_last_lines(own: Cloud) -> None:
    # Not a number, so that its start fails in MiniStack itself.
    broken = {**ministack.variables(own.settings), "GATEWAY_PORT": "nonsense"}
    with pytest.raises(ministack.CloudDiedError) as caught:
        ministack_process.start(own.settings, broken, own.clients, Recorder())
    assert "ended while it started" in str(caught.value)
    assert any("nonsense" in line for line in caught.value.evidence)
    assert cloud.status(own.settings).server.state == "stopped"


def test_reset_forgets_everything_but_the_log(running: Cloud) -> None:
    running.learn("forgotten")
    recorder = Recorder()
    cloud.reset(running.settings, recorder)
    assert cloud.log_lines(running.settings, 5)
    running.up()
    assert not running.knows("forgotten")
    assert "creating" in running.said[1]


def test_two_ups_at_once_start_one_cloud(own: Cloud) -> None:
    with ThreadPoolExecutor(2) as pool:
        targets = list(pool.map(lambda _: own.up(), range(2)))
    assert targets[0] == targets[1]
    assert sum(said.count("embedded cloud started") for said in own.said) == 1
    assert sum(said.count("creating") for said in own.said) == 1


def test_a_cloud_whose_pid_file_was_deleted_is_still_ours(running: Cloud) -> None:
    before = running.process
    ministack.pid_file(running.settings).unlink()
    running.up()
    assert running.process.pid == before.pid
    assert "embedded cloud stopped" in running.down()


def test_another_port_moves_the_cloud_with_its_state(running: Cloud) -> None:
    running.learn("moved")
    first = running.process
    environment = {**running.project.environment, "LOCAL_PORT": str(free_port())}
    running.settings = load(running.project.root, environment)
    running.up()
    assert not first.is_alive()
    assert "has changed: restarting" in running.said[1]
    assert running.knows("moved")


def test_another_port_that_is_taken_leaves_the_running_cloud_alone(running: Cloud) -> None:
    first = running.process
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        moved = load(running.project.root, {**running.project.environment, "LOCAL_PORT": port})
        with pytest.raises(ministack.PortTakenError, match=port):
            cloud.up(moved, (), Recorder())
    assert first.is_alive()
    assert cloud.status(running.settings).is_up


def test_containers_that_a_crash_left_go_with_the_next_down(running: Cloud, docker: DockerClient) -> None:
    images = base_images.ensure(running.settings, running.settings.select("frontend"), running.clients, Recorder())
    label = f"{ministack.instance(running.settings)}:{running.settings.local_port}"
    left = docker.containers.create(images["NGINX_IMAGE"], labels={"ministack.instance": label})
    crashed = running.process
    os.kill(crashed.pid, signal.SIGKILL)
    assert processes.ended(crashed, 5, running.clients)
    assert f"removed what a crash had left: {left.name}" in running.down()
    assert not docker.containers.list(all=True, filters={"id": str(left.id)})


def test_base_images_are_found_or_made_and_then_found(running: Cloud) -> None:
    services = running.settings.select("backend")
    recorder = Recorder()
    first = base_images.ensure(running.settings, services, running.clients, Recorder())
    assert base_images.ensure(running.settings, services, running.clients, recorder) == first
    assert recorder.text == ""
    assert first["PYTHON_IMAGE"] in base_images.tags(running.clients.docker)


def test_a_base_image_that_a_variable_names_is_left_alone(running: Cloud) -> None:
    target = replace(running.settings.target, build_args={"PYTHON_IMAGE": "mirror.example.com/python:3.13"})
    settings = replace(running.settings, target=target)
    found = base_images.ensure(settings, settings.select("backend"), running.clients, Recorder())
    assert found == {"PYTHON_IMAGE": "mirror.example.com/python:3.13"}
