"""A third service is a folder, a task definition, an entry in invoke.yaml and its variables: no code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.deployed import Deployed

DOCKERFILE = """\
ARG PYTHON_IMAGE=python:3.13-slim-bookworm
FROM ${PYTHON_IMAGE}
COPY serve.py /serve.py
USER 10001:10001
CMD ["python3", "/serve.py"]
"""
SERVE = """\
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-App-Version", os.environ["APP_VERSION"])
        self.send_header("X-App-Commit", os.environ["APP_COMMIT"])
        self.end_headers()

http.server.HTTPServer(("", 7000), Handler).serve_forever()
"""
ENTRY = """\
services:
  worker:
    folder: worker
    task_definition: aws/worker-task-definition.json
    port: 7000
    health_path: /worker/health
    base_images:
      PYTHON_IMAGE: python
"""
VARIABLES = {
    "ECS_CLUSTER_WORKER": "spryte-cluster",
    "ECS_SERVICE_WORKER": "spryte-worker-service",
    "ECS_TASK_DEFINITION_WORKER": "spryte-worker",
    "ECS_CONTAINER_NAME_WORKER": "spryte-worker",
    "ECR_REPOSITORY_WORKER": "spryte-worker",
}
DEFINITION = {
    "family": "spryte-worker",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "executionRoleArn": "arn:aws:iam::${AWS_ACCOUNT_ID}:role/ecsTaskExecutionRole",
    "containerDefinitions": [
        {"name": "spryte-worker", "image": "spryte-worker", "portMappings": [{"containerPort": 7000}]}
    ],
}


@pytest.fixture
def with_worker(deployed: Deployed) -> Iterator[Deployed]:
    """The project with a third service, whose place in AWS exists."""
    make_its_place(deployed)
    project = deployed.project
    with (
        project.changed("worker/Dockerfile", DOCKERFILE),
        project.changed("worker/serve.py", SERVE),
        project.changed("aws/worker-task-definition.json", json.dumps(DEFINITION)),
        project.changed("invoke.yaml", (project.root / "invoke.yaml").read_text().replace("services:\n", ENTRY)),
    ):
        yield deployed


def make_its_place(deployed: Deployed) -> None:
    """Make the repository, target group, rule and service that the stack does not know of."""
    target, ecs = deployed.clients.target, deployed.clients.ecs
    balancers = boto3.client(
        "elbv2", target.region, endpoint_url=target.endpoint_url,
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    deployed.clients.ecr.create_repository(repositoryName="spryte-worker", imageTagMutability="IMMUTABLE")
    balancer = balancers.describe_load_balancers()["LoadBalancers"][0]
    listener = balancers.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"][0]
    group = balancers.create_target_group(
        Name="worker", Protocol="HTTP", Port=7000, TargetType="ip", VpcId=balancer["VpcId"]
    )["TargetGroups"][0]["TargetGroupArn"]
    balancers.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=20,
        Conditions=[{"Field": "path-pattern", "Values": ["/worker/*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    ecs.register_task_definition(
        family="spryte-worker", containerDefinitions=[{"name": "spryte-worker", "image": "none"}]
    )
    ecs.create_service(
        cluster="spryte-cluster",
        serviceName="spryte-worker-service",
        taskDefinition="spryte-worker:1",
        desiredCount=0,
        loadBalancers=[{"targetGroupArn": group, "containerName": "spryte-worker", "containerPort": 7000}],
    )


def test_a_third_service_is_deployed_without_a_line_of_code(with_worker: Deployed) -> None:
    result = with_worker.project.succeed("deploy", "--service=worker", "--version=1.0.0", "--json", **VARIABLES)

    assert result.services[0]["version"] == "1.0.0"
    answer = with_worker.clients.http.get(f"{with_worker.clients.target.app_url}/worker/health")
    assert answer.headers["X-App-Version"] == "1.0.0"
