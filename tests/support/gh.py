"""A stand-in for `gh`, which cannot be had where the tests run: a real program that keeps its state in a file.

It knows the calls that are made here, and refuses every other, and those of the commands in `refusals`, with the
words that stand there. It notes its arguments, so that a test can see that a secret's value is in none of them.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tasks.documents import as_list, as_object

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.documents import Json

# Through sh, because the path of the Python may hold a space; Python reads the first lines as a text.
PROGRAM = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import json, sys
from pathlib import Path


def change(environments, method, place, fields):
    there = environments.setdefault(place[0], {{"rules": {{}}, "patterns": []}})
    given = [each.partition("=")[::2] for each in fields]
    if method == "PUT":  # replaces everything, as GitHub does
        ids = [int(value) for name, value in given if name == "reviewers[][id]"]
        people = [{{"type": "User", "reviewer": {{"id": each}}}} for each in ids]
        rules = [{{"type": "required_reviewers", "reviewers": people}}] if people else []
        branches = {{name[25:-1]: value == "true" for name, value in given if name.startswith("deployment_b")}}
        there["rules"] = {{"protection_rules": rules, "deployment_branch_policy": branches or None}}
    elif method == "POST":
        there["patterns"].append({{"id": len(there["patterns"]) + 1, **dict(given)}})
    else:
        there["patterns"] = [each for each in there["patterns"] if str(each["id"]) != place[2]]


state = Path({state!r})
known = json.loads(state.read_text())
words = sys.argv[1:]
known["calls"].append(words)
answer, code = None, 0
if not known["logged_in"]:
    print("To get started with GitHub CLI, please run:  gh auth login", file=sys.stderr)
    code = 4
elif words[0] in known["refusals"]:
    print(known["refusals"][words[0]], file=sys.stderr)
    code = 1
elif words[:2] == ["api", "-X"]:
    change(known["environments"], words[2], words[3].split("/")[4:], words[5::2])
elif words[:1] == ["api"]:
    place = words[1].partition("?")[0].split("/")
    there = known["environments"].get("/".join(place[4:5]))
    if len(place) == 3:
        answer = {{"id": 987654, "owner": {{"id": 4242}}}}
    elif there is None:
        answer, code = {{"message": "Not Found", "status": "404"}}, 1
        print("gh: Not Found (HTTP 404)", file=sys.stderr)
    else:
        answer = there["rules"] if len(place) == 5 else {{"branch_policies": there["patterns"]}}
elif words[:2] == ["variable", "list"]:
    answer = [{{"name": name, "value": value}} for name, value in known["variables"].items()]
elif words[:2] == ["secret", "list"]:
    answer = [{{"name": name}} for name in known["secrets"]]
elif words[:2] == ["variable", "set"]:
    known["variables"][words[2]] = words[words.index("--body") + 1]
elif words[:2] == ["secret", "set"]:
    known["secrets"][words[2]] = sys.stdin.read()
else:
    code = 1
if answer is not None:
    print(json.dumps(answer))
state.write_text(json.dumps(known))
sys.exit(code)
"""


@dataclass(frozen=True)
class StandIn:
    """The program in a folder of its own, and what it remembers."""

    folder: Path

    @property
    def state(self) -> dict[str, Json]:
        """Everything it remembers."""
        return cast("dict[str, Json]", json.loads((self.folder / "state.json").read_text()))

    @property
    def variables(self) -> dict[str, Json]:
        """The variables that were set."""
        return as_object(self.state["variables"])

    @property
    def secrets(self) -> dict[str, Json]:
        """The secrets that were set, with their values, which GitHub would not tell."""
        return as_object(self.state["secrets"])

    @property
    def calls(self) -> list[list[Json]]:
        """The arguments of each call."""
        return [as_list(each) for each in as_list(self.state["calls"])]

    def remember(self, **changes: Json) -> None:
        """Change what it remembers."""
        (self.folder / "state.json").write_text(json.dumps({**self.state, **changes}))


def make_stand_in(folder: Path) -> StandIn:
    """Write the program; whoever is to find it puts the folder on PATH."""
    state = folder / "state.json"
    nothing: dict[str, Json] = {"variables": {}, "secrets": {}, "calls": [], "refusals": {}, "environments": {}}
    state.write_text(json.dumps({"logged_in": True, **nothing}))
    program = folder / "gh"
    program.write_text(PROGRAM.format(python=sys.executable, state=str(state)))
    program.chmod(0o755)
    return StandIn(folder)


def path_with(folder: Path) -> str:
    """Return a PATH on which the folder comes first."""
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
