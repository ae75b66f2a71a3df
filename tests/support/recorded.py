"""A failed deployment as AWS answers it: stopped tasks, events, target health, secrets, the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from tests.support.account import Account, AccountClients
from tests.support.answers import HEALTH, RefusedError
from tests.support.fakes import session
from tests.support.models import ACCOUNT, BEGAN, arn, ecs_deployment, ecs_event

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

    from tasks.documents import Json

UNHEALTHY = (
    "<member><Target><Id>10.0.0.7</Id><Port>5000</Port></Target><TargetHealth><State>unhealthy</State>"
    "<Reason>{}</Reason><Description>{}</Description></TargetHealth></member>"
)
NAMES = ("mongodb-uri", "jwt-secret", "openai-key")
CHECK = "curl -fsS http://localhost:5000/api/health || exit 1"
GROUP = "arn:aws:elasticloadbalancing:us-east-2:727646509464:targetgroup/backend/0123456789abcdef"


def secret_arn(name: str) -> str:
    """Return a secret's ARN."""
    return f"arn:aws:secretsmanager:us-east-2:{ACCOUNT}:secret:spryte/{name}"


@dataclass
class Recorded(Account):
    """Revision 7 with version 0.1.5 failed over revision 4 with version 0.1.4, unless told otherwise."""

    revisions: dict[int, str] = field(default_factory=lambda: {4: "0.1.4", 7: "0.1.5"})
    stopped: list[dict[str, object]] = field(default_factory=list)
    unhealthy: tuple[str, str] = ("", "")
    there: tuple[str, ...] = NAMES
    log: tuple[str, ...] = ()
    log_error: str = ""
    check: str = CHECK
    port: int = 5000

    def __post_init__(self) -> None:
        """Fill in what every case shares."""
        self.deployments = self.deployments or [
            ecs_deployment(4, "ecs-svc/3"),
            ecs_deployment(7, status="ACTIVE", rolloutState="FAILED", rolloutStateReason="tasks failed to start."),
        ]
        container: dict[str, Json] = {
            "name": self.container,
            "image": "727646509464.dkr.ecr.us-east-2.amazonaws.com/spryte-backend@sha256:" + "a" * 64,
            "environment": [{"name": "APP_VERSION", "value": "0.1.5"}],
            "portMappings": [{"containerPort": self.port}],
            "healthCheck": {
                "command": ["CMD-SHELL", self.check],
                "interval": 10,
                "timeout": 5,
                "retries": 3,
                "startPeriod": 15,
            },
            "secrets": [{"name": name, "valueFrom": secret_arn(name)} for name in NAMES],
            "stopTimeout": 30,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": "/ecs/spryte-backend", "awslogs-stream-prefix": "ecs"},
            },
        }
        self.definitions.setdefault(7, {"memory": "512", "containerDefinitions": [container]})

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Answer as AWS did; raises `RefusedError`."""
        denied = operation in self.denied
        if not denied and operation == "ecs:ListTasks":
            tasks = self.stopped if asked["desiredStatus"] == "STOPPED" else self.tasks
            return {"taskArns": [each["taskArn"] for each in tasks]}
        if not denied and operation == "ecs:DescribeTasks":
            wanted = asked["tasks"]
            assert isinstance(wanted, list)
            return {"tasks": [each for each in (*self.stopped, *self.tasks) if each["taskArn"] in wanted]}
        if not denied and operation == "logs:GetLogEvents":
            if self.log_error:
                raise RefusedError("ResourceNotFoundException", self.log_error)
            return {"events": [{"message": line, "timestamp": 0} for line in self.log]}
        if not denied and operation == "secretsmanager:DescribeSecret":
            if str(asked["SecretId"]).rpartition("/")[2] in self.there:
                return {"Name": asked["SecretId"]}
            raise RefusedError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        if not denied and operation == "elasticloadbalancing:DescribeTargetHealth" and self.unhealthy[0]:
            return HEALTH.format(UNHEALTHY.format(*self.unhealthy))
        return super().answer(operation, asked)


class RecordedClients(AccountClients):
    """Clients of such an account, which knows secrets too."""

    @cached_property
    def secretsmanager(self) -> SecretsManagerClient:
        """The secrets."""
        made = session().client("secretsmanager")
        self._play(made.meta.events, "secretsmanager")
        return made


def ended(reason: str, code: object = "EssentialContainerExited", **fields: object) -> dict[str, object]:
    """Return a stopped task of revision 7; `exit_code` and `container_reason` are its container's."""
    container: dict[str, object] = {"name": "spryte-backend"}
    if "exit_code" in fields:
        container["exitCode"] = fields.pop("exit_code")
    if "container_reason" in fields:
        container["reason"] = fields.pop("container_reason")
    return {
        "taskArn": f"arn:aws:ecs:us-east-2:{ACCOUNT}:task/spryte-cluster/0123",
        "taskDefinitionArn": arn(7),
        "lastStatus": "STOPPED",
        "stopCode": code,
        "stoppedReason": reason,
        "stoppedAt": (BEGAN + timedelta(minutes=1)).timestamp(),
        "containers": [container],
        **fields,
    }


def event(message: str) -> dict[str, object]:
    """Return a service event since the deployment began."""
    return ecs_event(1, f"(service spryte-backend-service) {message}", 5)
