"""What to do where a part of the environment does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.settings import Target


def remedy(variables: str, command: str, target: Target) -> str:
    """Return what brings a part of the environment into being.

    CloudFormation compares templates: a part that was deleted by hand stays away, whatever is applied again.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html

    Args:
        variables: the settings that name it.
        command: the AWS command that makes it again under its name.
        target: where it is missing.
    """
    return (
        f"Correct {variables}. Where there is no stack yet: ./inv setup.stack --target={target.name}. What was "
        f"deleted by hand from a stack is not restored by an update: create it again under its name ({command}), "
        "or, on the embedded cloud, start afresh: ./inv local.reset"
    )
