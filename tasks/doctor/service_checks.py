"""doctor, for one service: its repository, its ECS service and network, its target group, what it answers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tasks.doctor.finding import Check, Finding, ok
from tasks.release.registry import RepositoryMissingError
from tasks.release.service_state import describe, primary, running
from tasks.sdk_errors import asking_aws, error_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from types_boto3_ecs.type_defs import ServiceTypeDef
    from types_boto3_elbv2.type_defs import RuleTypeDef, TargetGroupTypeDef

    from tasks.clients import Clients
    from tasks.settings import Service

BREAKER = "deploymentCircuitBreaker={enable=true,rollback=true}"


def repository(service: Service, clients: Clients) -> Iterator[Finding]:
    """Whether images can be pushed, and whether a version stays what it was."""
    where = f"{service.name} repository"
    with asking_aws(f"reading the repository {service.repository}"):
        try:
            answer = clients.ecr.describe_repositories(repositoryNames=[service.repository])
        except clients.ecr.exceptions.RepositoryNotFoundException as error:
            raise RepositoryMissingError(service, clients.target) from error
    mutability = answer["repositories"][0].get("imageTagMutability", "MUTABLE")
    if mutability == "IMMUTABLE":
        yield ok(where, f"{service.repository}, tags are immutable")
        return
    yield Finding(
        "WARN",
        where,
        f"{service.repository} is {mutability}: a version could be pushed again as another image",
        f"aws ecr put-image-tag-mutability --repository-name {service.repository} "
        "--image-tag-mutability IMMUTABLE",
    )


def ecs(service: Service, clients: Clients) -> Iterator[Finding]:
    """The ECS service, and what hangs on it; each part is looked at although another may not be."""
    found = describe(service, clients)
    yield from state(service, found)
    yield from _ports(service, found)
    for check in (
        Check(f"{service.name} subnets", lambda: _subnets(service, found, clients)),
        Check(f"{service.name} security groups", lambda: _security_groups(service, found, clients)),
        Check(f"{service.name} target group", lambda: _target_groups(service, found, clients)),
        Check(f"{service.name} tasks", lambda: _count(service, clients)),
        Check(f"{service.name} address", lambda: _answer(service, clients)),
    ):
        yield from check.run()


def state(service: Service, found: ServiceTypeDef) -> Iterator[Finding]:
    """Whether a deploy would be let in, and whether ECS itself would stop a bad one."""
    where = f"{service.name} service"
    name, current = service.ecs_service, primary(found)
    if current and current.get("rolloutState") == "IN_PROGRESS":
        revision = str(current.get("taskDefinition", "")).rpartition("/")[2]
        yield Finding(
            "FAIL",
            where,
            f"{name}: a deployment of {revision} is in progress since {current.get('createdAt', 'unknown')}",
            f"Wait (./inv status --watch), or replace it: ./inv deploy --service={service.name} "
            "--version=X.Y.Z --force",
        )
    else:
        yield ok(where, f"{service.cluster}/{name} is active, nothing in progress")
    breaker = found.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
    if breaker.get("enable") and breaker.get("rollback"):
        yield ok(f"{service.name} circuit breaker", "on, with rollback")
        return
    yield Finding(
        "WARN",
        f"{service.name} circuit breaker",
        "off: ECS itself would go on starting tasks that fail",
        f"{_update(service)} --deployment-configuration '{BREAKER}'",
    )


def _count(service: Service, clients: Clients) -> Iterator[Finding]:
    """Whether a deploy would start anything."""
    where, now = f"{service.name} tasks", running(service, clients)
    if now.never_deployed:
        yield ok(where, f"none yet; the first deploy starts {service.first_count}")
    elif now.desired:
        yield ok(where, f"{now.desired} wanted, of {now.name}" + (f" ({now.version})" if now.version else ""))
    else:
        yield Finding(
            "FAIL",
            where,
            f"{service.ecs_service} has a desired count of 0: a deploy would start nothing",
            f"{_update(service)} --desired-count 1",
        )


def _answer(service: Service, clients: Clients) -> Iterator[Finding]:
    """Whether the address answers as the smoke test will want it to."""
    where = f"{service.name} address"
    url = f"{clients.target.app_url}{service.health_path}"
    if not clients.target.app_url:
        fix = "Put the load balancer's address into .env as APP_URL=https://..., and on GitHub: ./inv setup.github"
        yield Finding("FAIL", where, "APP_URL is not set: no deploy could be proved", fix)
        return
    if running(service, clients).never_deployed:
        yield Finding("SKIPPED", where, f"{url}: nothing runs before the first deploy")
        return
    found = clients.http.get(url)
    if found.status == 200:
        yield ok(where, f"{url} answers 200")
        return
    said = f"answers {found.status}" if found.status else found.problem
    fix = (
        "On --target=aws, is APP_URL the load balancer's address? Otherwise see what the tasks say: "
        f"./inv logs --service={service.name}"
    )
    yield Finding("FAIL", where, f"{url}: {said}", fix)


def target_group(service: Service, group: TargetGroupTypeDef) -> Iterator[Finding]:
    """Whether the load balancer asks what the service answers: 7.1 of the manual procedure.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb.html (targets of awsvpc tasks are addresses)
    """
    where = f"{service.name} target group"
    name, arn = group.get("TargetGroupName", ""), group.get("TargetGroupArn", "")
    path = group.get("HealthCheckPath", "")
    if path == service.health_path:
        yield ok(where, f"{name} checks {path}")
    else:
        yield Finding(
            "FAIL",
            where,
            f"{name} checks {path or 'no path'}, but {service.name} answers at {service.health_path}: every task "
            "would be called unhealthy",
            f"aws elbv2 modify-target-group --target-group-arn {arn} --health-check-path {service.health_path}",
        )
    if group.get("TargetType", "ip") != "ip":
        yield Finding(
            "FAIL",
            where,
            f"{name} has targets of the type {group.get('TargetType')}; Fargate tasks are reached by address",
            "Make one of the type ip (aws elbv2 create-target-group --target-type ip), give it to the listener's "
            f"rule, then with its ARN: {_balance(service, 'ARN')}",
        )


def _ports(service: Service, found: ServiceTypeDef) -> Iterator[Finding]:
    """UpdateService refuses a revision without the container and port that the load balancer was given."""
    where = f"{service.name} load balancer"
    for each in found.get("loadBalancers", []):
        container, port = each.get("containerName"), each.get("containerPort")
        if (container, port) == (service.container, service.port):
            yield ok(where, f"{service.ecs_service} sends requests to {container}:{port}")
            continue
        yield Finding(
            "FAIL",
            where,
            f"{service.ecs_service} sends requests to {container}:{port}, "
            f"but the template has {service.container}:{service.port}",
            f"Make {service.variable('ECS_CONTAINER_NAME')} and services.{service.name}.port in invoke.yaml what "
            f"the service has, or: {_balance(service, each.get('targetGroupArn', 'ARN'))}",
        )


def _target_groups(service: Service, found: ServiceTypeDef, clients: Clients) -> Iterator[Finding]:
    arns = [each["targetGroupArn"] for each in found.get("loadBalancers", []) if "targetGroupArn" in each]
    if not arns:
        what = f"{service.ecs_service} is behind no load balancer"
        yield Finding("WARN", f"{service.name} target group", what, _another_group(service))
        return
    for arn in arns:  # one by one: AWS answers for all that are asked for, or for none
        with asking_aws(f"reading the target group of {service.ecs_service}"):
            try:
                groups = clients.elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
            except clients.elbv2.exceptions.TargetGroupNotFoundException:
                groups = []
        for group in groups:
            yield from target_group(service, group)
            yield from Check(f"{service.name} target group", partial(_listener, service, group, clients)).run()
        if not groups:
            what = f"{service.ecs_service}: there is no target group {arn} any more"
            yield Finding("FAIL", f"{service.name} target group", what, _another_group(service))


def _listener(service: Service, group: TargetGroupTypeDef, clients: Clients) -> Iterator[Finding]:
    """Whether any request reaches the group; a group may go on naming its load balancer when its rule is gone."""
    where, arn = f"{service.name} target group", group.get("TargetGroupArn", "")
    with asking_aws(f"looking for a listener of {service.ecs_service}"):
        for balancer in _balancers(group, clients):
            pages = clients.elbv2.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer)
            for listener in [each["ListenerArn"] for page in pages for each in page["Listeners"]]:
                # the default action is among the rules
                rules = clients.elbv2.get_paginator("describe_rules").paginate(ListenerArn=listener)
                if arn in {each for page in rules for rule in page["Rules"] for each in _forwards(rule)}:
                    return
    yield Finding(
        "FAIL",
        where,
        f"{group.get('TargetGroupName')}: no listener forwards to it, so no request reaches {service.name}",
        "Make a rule on the load balancer's listener (as ApiRule in aws/stack.yaml): aws elbv2 create-rule "
        "--listener-arn ARN --priority N --conditions Field=path-pattern,Values=PATH "
        f"--actions Type=forward,TargetGroupArn={arn}",
    )


def _balancers(group: TargetGroupTypeDef, clients: Clients) -> list[str]:
    """Return the group's load balancers, or all there are where it names none."""
    pages = clients.elbv2.get_paginator("describe_load_balancers").paginate()
    return group.get("LoadBalancerArns") or [
        each["LoadBalancerArn"] for page in pages for each in page["LoadBalancers"]
    ]


def _forwards(rule: RuleTypeDef) -> Iterator[str]:
    """Return the target groups that a rule forwards to, in either form of the action."""
    for action in rule.get("Actions", []):
        weighted = action.get("ForwardConfig", {}).get("TargetGroups", [])
        yield from (
            each for each in (action.get("TargetGroupArn"), *(w.get("TargetGroupArn") for w in weighted)) if each
        )


def _subnets(service: Service, found: ServiceTypeDef, clients: Clients) -> Iterator[Finding]:
    network = found.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    listed = network.get("subnets", [])
    yield _existing(service, "subnets", listed, lambda: clients.ec2.describe_subnets(SubnetIds=listed))


def _security_groups(service: Service, found: ServiceTypeDef, clients: Clients) -> Iterator[Finding]:
    network = found.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    listed = network.get("securityGroups", [])
    if not listed:
        yield ok(f"{service.name} security groups", "the network's default one")
        return
    yield _existing(
        service,
        "security groups",
        listed,
        lambda: clients.ec2.describe_security_groups(GroupIds=listed),
    )


def _existing(service: Service, kind: str, listed: Sequence[str], ask: Callable[[], object]) -> Finding:
    """EC2 answers for all or for none: a missing one is an error that names it."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - only loaded with boto3 itself

    where = f"{service.name} {kind}"
    if not listed:
        return Finding("FAIL", where, f"{service.ecs_service} names none", _network_fix(service))
    with asking_aws(f"looking for the {kind} of {service.ecs_service}"):
        try:
            ask()
        except ClientError as error:
            # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
            if not error_code(error).endswith((".NotFound", ".Malformed")):
                raise
            missing = error.response.get("Error", {}).get("Message", "")
            return Finding("FAIL", where, f"{service.ecs_service}: {missing}", _network_fix(service))
    return ok(where, ", ".join(listed))


def _network_fix(service: Service) -> str:
    network = "awsvpcConfiguration={subnets=[SUBNET,SUBNET],securityGroups=[GROUP],assignPublicIp=ENABLED}"
    return f"{_update(service)} --network-configuration '{network}'"


def _another_group(service: Service) -> str:
    return (
        f"Make one of the type ip (aws elbv2 create-target-group), then with its ARN: {_balance(service, 'ARN')}"
    )


def _balance(service: Service, group: str) -> str:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html (loadBalancers)."""
    target = f"containerName={service.container},containerPort={service.port}"
    return f"{_update(service)} --load-balancers targetGroupArn={group},{target}"


def _update(service: Service) -> str:
    return f"aws ecs update-service --cluster {service.cluster} --service {service.ecs_service}"
