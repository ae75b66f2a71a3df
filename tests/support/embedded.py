"""An embedded cloud of one test's own, in a copy of the project."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.clients import Clients
from tasks.embedded import cloud, engine
from tasks.settings import Settings, load
from tests.support.fakes import Recorder
from tests.support.project import Project, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from docker import DockerClient

    from tasks.embedded.processes import Process
    from tasks.report import Report
    from tasks.settings import Target


@dataclass
class Cloud:
    """An embedded cloud of one test, and what its commands said."""

    project: Project
    settings: Settings
    said: list[str] = field(default_factory=list)

    @property
    def clients(self) -> Clients:
        """New connections to it."""
        return Clients(self.settings.target)

    @property
    def process(self) -> Process:
        """Its MiniStack, which must run."""
        found = cloud.status(self.settings).server.process
        assert found is not None
        return found

    def up(self) -> Target:
        """Bring it up, without base images."""
        recorder = Recorder()
        target = cloud.up(self.settings, (), recorder)
        self.said.append(recorder.text)
        return target

    def down(self) -> str:
        """Stop it; returns what was said."""
        recorder = Recorder()
        cloud.down(self.settings, recorder)
        return recorder.text

    def knows(self, family: str) -> bool:
        """Whether a task definition is registered in it."""
        return family in self.clients.ecs.list_task_definition_families()["families"]

    def learn(self, family: str) -> None:
        """Register a task definition in it."""
        self.clients.ecs.register_task_definition(
            family=family, containerDefinitions=[{"name": family, "image": "nothing", "memory": 64}]
        )


def machine_s_engine(settings: Settings, report: Report) -> DockerClient:
    """Return the machine's Docker Engine, installed and started where it is not."""
    clients = Clients(settings.target)
    engine.start(engine.here(settings), clients, report)
    return clients.docker


def make_cloud(folder: Path, port: int) -> Cloud:
    """Return a copy of the project whose embedded cloud has this port."""
    folder.mkdir()
    project = make_project(folder, LOCAL_PORT=str(port))
    return Cloud(project, load(project.root, project.environment))
