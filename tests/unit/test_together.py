"""Several services as one release, begun again after an interruption."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.release import together
from tasks.release.rollout import RolloutFailedError
from tests.support.models import AWS, ecs_deployment, revision
from tests.support.web import serving, version
from tests.unit.test_diagnosis_midway import OPTIONS, Failing

if TYPE_CHECKING:
    from tests.support.fakes import Recorder


def test_what_an_earlier_run_released_stays_and_the_way_back_is_named(report: Recorder) -> None:
    with serving(lambda _: version("0.1.5")) as site:
        clients = Failing(replace(AWS, app_url=site.url))
        clients.account.deployments = [ecs_deployment(7, "ecs-svc/7")]
        with pytest.raises(RolloutFailedError) as caught:
            together.bring_up([revision(7), revision(8)], clients, report, OPTIONS)
    assert caught.value.evidence[-1] == (
        "backend stays at spryte-backend:7: it ran that before this release. "
        "To take it back too: ./inv rollback --service=backend"
    )
