"""setup.aws: the OIDC provider, the deploy role and its policies. What is there is adopted, never made anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.report import Outcome
from tasks.setup import policies, repository, role, trust

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.command import Work
    from tasks.documents import Json
    from tasks.settings import Settings
    from tasks.setup.policies import Repository
    from tasks.setup.role import Found, Step, Wanted

DIFFERENT = 11  # the exit code of changes found, as for `plan --exit-code`


def aws(work: Work, *, check: bool = False, diagnose: bool = False) -> Outcome:
    """Compare, show the plan, ask, apply; with `check` only compare, and exit with 11 when something differs.

    Args:
        work: what the command line said.
        check: whether to change nothing.
        diagnose: whether the role also gets the read-only policy.

    Raises:
        NotReadyError: no or other credentials, IAM refuses or does not answer.
        UsageError: nothing says which GitHub repository this is.
    """
    clients = work.reach()
    found = role.look(clients)
    who = known_repository(work.settings, found, ask_gh=True)
    steps = role.plan(wanted(work.settings, who, with_diagnose=diagnose), found, clients)
    notes = _notes(who, steps)
    if check or work.options.dry_run:
        code = DIFFERENT if check and any(step.differs for step in steps) else 0
        return Outcome(_document(work.settings, who, steps, applied=False), (*lines(steps), *notes), code)
    changing = [step for step in steps if step.state != "exists"]
    if changing:
        for line in lines(steps):
            work.report.say(line)
        work.confirm(f"This changes IAM in the account {work.settings.target.account}. Go on?")
        for step in changing:
            step.apply()
            work.report.say(f"{_past(step)} {step.what}")
    done = tuple(f"{_past(step):<8} {step.what}" for step in steps)
    document = _document(work.settings, who, steps, applied=True)
    document["differs"] = any(each.kept for each in steps)
    return Outcome(document, (*done, *notes, f"role     {policies.role_arn(work.settings.target.account)}"))


def wanted(settings: Settings, who: Repository, *, with_diagnose: bool) -> Wanted:
    """Return the role as the files in aws/iam say it should be; raises `UsageError`."""
    known = policies.values(settings.target, who, repository.environment(settings))
    return role.Wanted(
        trust=policies.trust_policy(settings.root, known),
        deploy=policies.deploy_policy(settings.root, known),
        diagnose=policies.diagnose_policy(settings.root, known),
        with_diagnose=with_diagnose,
    )


def known_repository(settings: Settings, found: Found, *, ask_gh: bool) -> Repository:
    """Return the repository; ids that nothing else tells are those that the role's trust policy names already.

    Without that, comparing would take the immutable subjects for strangers, and a deploy would stop that GitHub
    sends under them.
    """
    who = repository.find(settings, ask_gh=ask_gh)
    if who.owner_id and who.id:
        return who
    owner_id, identity = trust.known_ids(found.trust, who.owner, who.name)
    return replace(who, owner_id=owner_id, id=identity)


def lines(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the plan, each thing with its differences under it."""
    told: list[str] = []
    for step in steps:
        told.append(f"{step.state:<8} {step.what}")
        told += [f"           {line}" for line in step.lines]
        told += [f"           = {line} (not ours; it stays)" for line in step.kept]
    return tuple(told)


def _past(step: Step) -> str:
    return {"exists": "exists", "create": "created", "change": "changed"}[step.state]


def _notes(who: Repository, steps: Sequence[Step]) -> tuple[str, ...]:
    notes = []
    if not (who.owner_id and who.id):
        notes.append(
            f"note     the numeric ids of {who.full_name} are not known, so only plain subjects are trusted; set "
            "GITHUB_REPOSITORY_OWNER_ID and GITHUB_REPOSITORY_ID (gh api repos/"
            f"{who.full_name} --jq '.owner.id, .id') and run it again"
        )
    if any(step.kept for step in steps):
        notes.append(
            "note     what is not ours is left for a person to judge: aws iam delete-role-policy, or edit it"
        )
    return tuple(notes)


def _document(settings: Settings, who: Repository, steps: Sequence[Step], *, applied: bool) -> dict[str, Json]:
    """Return the plan for machines; `state` is what was found, `applied` whether it was changed since."""
    changed = [step.what for step in steps if applied and step.state != "exists"]
    listed: list[Json] = [
        {
            "what": step.what,
            "state": step.state,
            "applied": step.what in changed,
            "differences": list(step.lines),
            "kept": list(step.kept),
        }
        for step in steps
    ]
    return {
        "role": policies.role_arn(settings.target.account),
        "repository": who.full_name,
        "steps": listed,
        "applied": [*changed],
        "differs": any(step.differs for step in steps),
    }
