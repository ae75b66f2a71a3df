"""setup.stack: a complete environment from `aws/stack.yaml`; its change set is shown before anything is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from tasks import change_set
from tasks.change_set import Proposal
from tasks.embedded import stack as embedded
from tasks.errors import NotReadyError, UsageError
from tasks.report import Outcome
from tasks.sdk_errors import asking_aws
from tasks.setup import taken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef

    from tasks.change_set import ChangeSet
    from tasks.clients import Clients
    from tasks.command import Work
    from tasks.documents import Json
    from tasks.report import Report
    from tasks.settings import Settings

NAME = embedded.NAME
UNCHANGED = (
    f"the stack {NAME} has the template {embedded.TEMPLATE} and its parameters already: nothing to apply",
    "note     CloudFormation compared these, not the resources; what was changed or deleted by hand: ./inv doctor",
)


class NamesTakenError(NotReadyError):
    """There is an environment already that no stack made: creating one beside it would stop half-way."""

    def __init__(self, names: tuple[str, ...], account: str) -> None:
        super().__init__(
            f"The account {account} has an environment already, made by hand or left by a deleted stack: "
            f"{len(names)} of the stack's names are taken. Nothing was created.",
            fix="An environment that matches docs/runbook.md needs no stack: check it with ./inv doctor. "
            "Otherwise import these into a stack, or delete them first.",
            evidence=names,
        )


class UnpairedError(UsageError):
    """A certificate without the name it was issued for, or the name without a certificate."""

    def __init__(self, given: str, missing: str) -> None:
        super().__init__(
            f"{given} was given without {missing}, and the stack has none.",
            fix="Give both: a certificate covers the domain, never the load balancer's own name.",
        )


@dataclass
class Progress:
    """Shows each resource of a stack once, as soon as it is done or has failed."""

    name: str
    clients: Clients
    report: Report
    seen: set[str] = field(default_factory=set)

    def __call__(self) -> None:
        """Say what is new."""
        for event in reversed(self._unseen()):
            if not event.get("ResourceStatus", "").endswith("_IN_PROGRESS"):
                reason = event.get("ResourceStatusReason", "")
                told = f"{event.get('ResourceStatus', ''):<19} {event.get('LogicalResourceId', '')}"
                self.report.say(f"{told}  {reason}".rstrip())

    def skip(self) -> None:
        """Take every event so far as shown."""
        self._unseen()

    def _unseen(self) -> list[StackEventTypeDef]:
        """Return the events of which no look knew, newest first; a page with one that is known is the last."""
        new: list[StackEventTypeDef] = []
        with asking_aws(f"reading the events of the stack {self.name}"):
            for page in change_set.event_pages(self.name, self.clients):
                fresh = [event for event in page if event["EventId"] not in self.seen]
                new += fresh
                if len(fresh) < len(page):
                    break
        self.seen |= {event["EventId"] for event in new}
        return new


def stack(work: Work, *, certificate: str = "", domain: str = "") -> Outcome:
    """Propose the stack, show what it makes or changes, ask, apply.

    Args:
        work: what the command line said.
        certificate: ARN of the certificate of an HTTPS listener; empty keeps what the stack has.
        domain: the name the certificate was issued for; empty keeps what the stack has.

    Raises:
        UnpairedError: of certificate and domain the stack would have one alone.
        NamesTakenError: an environment is there that no stack made.
        StackError: the stack allows no change, or a resource failed.
        ChangeSetError: CloudFormation does not accept the template or a parameter.
        NotReadyError: no or other credentials, AWS refuses or does not answer.
    """
    clients = work.reach()
    wanted = {"CertificateArn": certificate, "DomainName": domain}
    proposed = change_set.propose(_proposal(work.settings, wanted, clients), clients)
    if proposed is None:
        return Outcome({"stack": NAME, "changes": []}, UNCHANGED)
    changes: list[Json] = list(proposed.changes)
    document: dict[str, Json] = {"stack": NAME, "kind": proposed.kind, "changes": changes}
    if work.options.dry_run:
        discard(proposed, clients)
        return Outcome({**document, "dry_run": True}, _shown(proposed))
    for line in _shown(proposed):
        work.report.say(line)
    try:
        work.confirm(f"This applies it to the account {work.settings.target.account}. Go on?")
    except BaseException:  # Ctrl-C too
        discard(proposed, clients)
        raise
    _apply(proposed, clients, work.report)
    outputs = _outputs(clients)
    done = "created" if proposed.kind == "CREATE" else "updated"
    lines = (
        f"{done} the stack {NAME}: {len(proposed.changes)} resources",
        *_next(proposed, outputs, _empty(work.settings)),
    )
    told: dict[str, Json] = dict(outputs)
    return Outcome({**document, "outputs": told}, lines)


def _proposal(settings: Settings, wanted: Mapping[str, str], clients: Clients) -> Proposal:
    template = embedded.read_template(settings.root / embedded.TEMPLATE)
    services = settings.select("all")
    given = {name: value for name, value in wanted.items() if value}
    values = {**embedded.parameters(services, template), **given}
    existing = change_set.settled(NAME, clients)
    check_pair(given, existing)
    if existing is None:
        names = taken.names(settings, clients)
        if names:
            raise NamesTakenError(names, settings.target.account)
        return Proposal(NAME, template.text, dict[str, "str | None"](values))
    running = embedded.running_revisions(services, template, clients)
    return Proposal(NAME, template.text, embedded.proposed({**values, **running}, existing, template))


def check_pair(given: Mapping[str, str], existing: StackTypeDef | None) -> None:
    """Insist that a certificate and its domain come together.

    Args:
        given: the stack's parameters of the two that were named.
        existing: the stack as it is; what it has needs not be named again.

    Raises:
        UnpairedError: one would be there alone.
    """
    listed = existing.get("Parameters", []) if existing else []
    had = {each.get("ParameterKey", ""): each.get("ParameterValue", "") for each in listed}
    options = {"CertificateArn": "--certificate", "DomainName": "--domain"}
    missing = [name for name in options if not (given.get(name) or had.get(name))]
    for name, option in options.items():
        if name in given and missing:
            raise UnpairedError(option, options[missing[0]])


def _apply(proposed: ChangeSet, clients: Clients, report: Report) -> None:
    progress = Progress(NAME, clients, report)
    progress.skip()
    with report.stage("", "stack"):
        change_set.execute(proposed, clients, progress)


def discard(proposed: ChangeSet, clients: Clients) -> None:
    """Delete a change set that nobody wants, and the empty stack that AWS makes to hold a first one.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html (ChangeSetType)
    """
    with asking_aws("discarding the change set"):
        clients.cloudformation.delete_change_set(ChangeSetName=proposed.id)
        if proposed.kind == "CREATE":
            pages = clients.cloudformation.get_paginator("list_change_sets").paginate(StackName=proposed.stack)
            left = [each for page in pages for each in page["Summaries"]]
            if not [each for each in left if each.get("ChangeSetId") != proposed.id]:
                clients.cloudformation.delete_stack(StackName=proposed.stack)


def _shown(proposed: ChangeSet) -> tuple[str, ...]:
    head = f"{proposed.kind.lower()} the stack {NAME}: {len(proposed.changes)} resources"
    return (head, *(f"  {change}" for change in proposed.changes))


def _outputs(clients: Clients) -> dict[str, str]:
    found = change_set.find_stack(NAME, clients)
    listed = found.get("Outputs", []) if found else []
    return {each.get("OutputKey", ""): each.get("OutputValue", "") for each in listed}


def _empty(settings: Settings) -> tuple[str, ...]:
    """Return the secrets of the services to which the template gives no value worth having."""
    template = embedded.read_template(settings.root / embedded.TEMPLATE)
    made = generated(template.text)
    return tuple(each for each in taken.secret_names(settings) if each not in made)


def generated(template: str) -> frozenset[str]:
    """Return the names of the secrets whose value Secrets Manager makes up itself.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
    """
    resources = _mapping(_mapping(yaml.compose(template, Loader=yaml.SafeLoader)).get("Resources"))
    properties = [_mapping(_mapping(each).get("Properties")) for each in resources.values()]
    names = [each.get("Name") for each in properties if "GenerateSecretString" in each]
    return frozenset(each.value for each in names if isinstance(each, yaml.ScalarNode))


def _mapping(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _next(proposed: ChangeSet, outputs: Mapping[str, str], empty: Sequence[str]) -> tuple[str, ...]:
    """Say what only a person can do after the first time."""
    if proposed.kind != "CREATE":
        return ()
    return (
        f"APP_URL  {outputs.get('AppUrl', '')}",
        "next     put the real values into Secrets Manager, each from a file that is deleted afterwards:",
        *(
            f"         aws secretsmanager put-secret-value --secret-id {name} --secret-string file://value.txt"
            for name in empty
        ),
        "         then: ./inv setup.aws, ./inv setup.github, ./inv doctor",
    )
