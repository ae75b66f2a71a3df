"""A runner without AWS: the workflow as read, what steps leave for each other, and what the log shows."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tasks.documents import DocumentError
from tasks.rehearsal import machine, workflow
from tasks.rehearsal.command_files import CommandFileError, parse
from tasks.rehearsal.uses import UnknownActionError
from tests.support.project import HERE
from tests.support.theatre import CALLER, Theatre

if TYPE_CHECKING:
    from pathlib import Path

FILE = ".github/workflows/deploy.yml"


@pytest.fixture
def theatre(tmp_path: Path) -> Theatre:
    return Theatre(tmp_path, [])


def test_steps_see_the_variables_of_every_level_the_inner_ones_first(theatre: Theatre) -> None:
    run = theatre.play(
        """
      - name: Show
        env: {OWN: "${{ vars.AWS_REGION }} ${{ github.ref_name }}", SHADOW: step}
        run: echo "$OUTER $SHADOW $OWN $SIZE $GITHUB_REF_NAME $GITHUB_REPOSITORY $CI ${{ inputs.service }}"
      - run: echo "then $SHADOW"
"""
    )

    assert [each.state for each in run.steps] == ["ok", "ok"]
    assert (
        "workflow step us-east-2 backend-v0.1.5 small backend-v0.1.5 siruscoder/spryte true backend"
        in theatre.text
    )
    assert "then job" in theatre.text
    assert "Deploy Backend / Deploy backend" in theatre.said


def test_steps_see_the_embedded_cloud_and_nothing_of_the_person_s_own_settings(theatre: Theatre) -> None:
    theatre.play("      - run: env | sort\n")

    assert "AWS_ENDPOINT_URL=http://127.0.0.1:4566" in theatre.text
    assert "ECR_REGISTRY=localhost:4566" in theatre.text
    assert "PYTHON_IMAGE=stand-in" in theatre.text
    assert "AWS_PROFILE" not in theatre.text
    assert "GITHUB_TOKEN" not in theatre.text
    assert "AWS_CONFIG_FILE=/dev/null" in theatre.text


def test_a_step_leaves_outputs_variables_paths_and_a_summary(theatre: Theatre) -> None:
    run = theatre.play(
        """
      - id: first
        run: |
          echo "version=0.1.5" >>"$GITHUB_OUTPUT"
          printf 'LINES<<END\\none\\ntwo\\nEND\\n' >>"$GITHUB_ENV"
          mkdir bin && printf '#!/bin/sh\\necho found\\n' >bin/tool && chmod +x bin/tool
          echo "$PWD/bin" >>"$GITHUB_PATH"
          echo "# Done with hunter2" >>"$GITHUB_STEP_SUMMARY"
      - env: {VERSION: "${{ steps.first.outputs.version }}"}
        run: echo "$VERSION $LINES $(tool) ${{ steps.first.outcome }}"
"""
    )

    assert "0.1.5 one" in theatre.text
    assert "two found success" in theatre.text
    assert run.steps[0].summary == "# Done with ***\n"


def test_the_first_failure_decides_and_only_what_asks_for_it_still_runs(theatre: Theatre) -> None:
    run = theatre.play(
        """
      - {name: tolerated, run: exit 4, continue-on-error: true}
      - {name: breaks, run: "false | true; echo not reached"}
      - {name: skipped, run: echo}
      - {name: tells, if: failure(), run: exit 9}
      - {name: cleans, if: always(), run: echo cleaned}
"""
    )

    assert [(each.name, each.state) for each in run.steps] == [
        ("tolerated", "failed"),
        ("breaks", "failed"),
        ("skipped", "skipped"),
        ("tells", "failed"),
        ("cleans", "ok"),
    ]
    assert run.failure is not None
    assert (run.failure.name, run.failure.code) == ("breaks", 1)
    assert "not reached" not in theatre.text


def test_secrets_are_masked_and_announcements_understood(theatre: Theatre) -> None:
    run = theatre.play(
        """
      - run: |
          echo "the secret is ${{ secrets.TOKEN }}"
          echo "::add-mask::swordfish"
          echo "::group::Details"
          echo "swordfish"
          echo "::endgroup::"
          echo "::error title=Not a: tag::50%25 wrong%0Ahunter2"
          echo "::debug::unseen"
          exit 3
"""
    )

    assert "hunter2" not in theatre.text
    assert "    the secret is ***" in theatre.said
    assert "    > Details" in theatre.said
    assert "        ***" in theatre.said
    assert "unseen" not in theatre.text
    assert run.steps[0].errors == ("50% wrong\n***",)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("      - {uses: somebody/other@v1}\n", "the action 'somebody/other' is not played"),
        ("      - {run: echo, services: {}}\n", "jobs.work.steps.0.services: is not played by a rehearsal"),
        ("      - run: echo\n      - {run: echo, if: env.A = 'b'}\n", "jobs.work.steps.1.if: The expression"),
        (
            "      - run: echo\n      - {run: echo, if: '${{ failure( }}'}\n",
            "jobs.work.steps.1.if: The expression",
        ),
        ("      - run: echo\n      - run: echo ${{ nothing.x }}\n", "names no known context"),
        ("      - {run: echo, env: {A: '${{ toJSON(env) }}'}}\n", "jobs.work.steps.0.env.A: The expression"),
        ("      - {uses: actions/checkout@v1, with: {ref: '${{ vars. }}'}}\n", "has no name after a dot"),
        (
            "      - {uses: actions/checkout@v1, with: {ref: main}}\n",
            "jobs.work.steps.0.with.ref: this input of actions/checkout is not played by a rehearsal",
        ),
        ("      - {uses: actions/checkout@v1, with: {path: here}}\n", "with.path: this input"),
        ("      - {uses: actions/checkout@v1, with: {repository: a/b}}\n", "with.repository: this input"),
        (
            "      - {uses: aws-actions/configure-aws-credentials@v6, with: {role-duration-seconds: 900}}\n",
            "with.role-duration-seconds: this input",
        ),
        (
            "      - {uses: aws-actions/configure-aws-credentials@v6, with: {role-session-name: me}}\n",
            "with.role-session-name: this input",
        ),
        (
            "      - run: echo ${{ github.repositry }}\n",
            "jobs.work.steps.0.run: a rehearsal knows no github.repositry. Did you mean 'repository'?",
        ),
        (
            "      - {run: echo, if: github.token != ''}\n",
            "jobs.work.steps.0.if: a rehearsal knows no github.token",
        ),
        ("      - {run: echo, env: {A: '${{ github.action }}'}}\n", "knows no github.action."),
        (
            "      - run: echo ${{ inputs.service }\n",
            "jobs.work.steps.0.run: The expression '${{ inputs.service }'",
        ),
        ("      - {run: echo, id: ver sion}\n", "jobs.work.steps.0.id: 'ver sion' is no id"),
        (
            "      - {run: echo, id: version}\n      - {run: 'echo ${{ steps.versoin.outputs.x }}'}\n",
            "jobs.work.steps.1.run: names the step 'versoin'; no step before has this id. Did you mean 'version'?",
        ),
        (
            "      - {run: 'echo ${{ steps.later.outputs.x }}'}\n      - {run: echo, id: later}\n",
            "the step 'later'",
        ),
        (
            "      - {uses: actions/setup-python@v6, with: {python-version: 3.10}}\n",
            "jobs.work.steps.0.with.python-version: YAML reads this as the number 3.1",
        ),
    ],
)
def test_what_cannot_be_played_is_refused_before_anything_runs(theatre: Theatre, steps: str, said: str) -> None:
    with pytest.raises((UnknownActionError, DocumentError)) as caught:
        theatre.play(steps)

    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{FILE}:")
    assert theatre.said == []


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("defaults", "name: x\ndefaults: {run: {shell: bash}}\njobs: {}\n"),
        ("jobs.a.if", "jobs: {a: {if: always(), steps: []}}\n"),
        ("jobs.a.needs", "jobs: {a: {needs: b, steps: []}}\n"),
        ("jobs.a.strategy", "jobs: {a: {strategy: {matrix: {x: [1]}}, steps: []}}\n"),
        ("jobs.a.defaults.run.working-directory", "jobs: {a: {defaults: {run: {working-directory: x}}}}\n"),
    ],
)
def test_what_a_rehearsal_would_leave_out_is_named_with_its_line(tmp_path: Path, key: str, text: str) -> None:
    (tmp_path / "a.yml").write_text(f"on: push\n{text}")

    with pytest.raises(DocumentError, match=r"^a\.yml:[0-9]+: ") as caught:
        workflow.read(tmp_path, "a.yml")

    assert f": {key}: is not played by a rehearsal" in str(caught.value)


def test_an_input_that_the_called_workflow_does_not_have_is_told_where_it_is_passed(theatre: Theatre) -> None:
    caller = CALLER.replace("with: {service: backend}", "with: {servce: backend}")

    with pytest.raises(DocumentError) as caught:
        theatre.play("      - run: echo\n", caller)

    assert str(caught.value) == (
        ".github/workflows/deploy-backend.yml:7: jobs.call.with.servce: .github/workflows/deploy.yml has no input "
        "'servce'. Did you mean 'service'?"
    )


def test_an_input_that_is_missing_is_told_where_it_should_be_passed(theatre: Theatre) -> None:
    with pytest.raises(DocumentError, match=r"deploy-backend\.yml:5: jobs\.call\.with: .* requires 'service'"):
        theatre.play("      - run: echo\n", CALLER.replace("    with: {service: backend}\n", ""))


def test_an_input_that_an_action_does_not_know_is_told_as_github_does(theatre: Theatre) -> None:
    theatre.play("      - {uses: aws-actions/configure-aws-credentials@v6, with: {role-to-asume: x}}\n")

    assert "Warning: Unexpected input 'role-to-asume'. Did you mean 'role-to-assume'?" in theatre.text


def test_an_expression_of_what_is_not_played_need_not_be_understood(tmp_path: Path) -> None:
    job = "runs-on: '${{ fromJSON(vars.X) }}', timeout-minutes: '${{ toJSON(1) }}', concurrency: '${{ a.b }}'"
    (tmp_path / "a.yml").write_text(f"on: push\njobs: {{a: {{{job}, steps: [{{run: echo}}]}}}}\n")

    assert [each.name for each in workflow.read(tmp_path, "a.yml").jobs] == ["a"]


def test_a_called_workflow_must_be_of_this_repository(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("on: push\njobs: {a: {uses: other/repository/.github/workflows/x.yml@v1}}\n")
    (job,) = workflow.read(tmp_path, "a.yml").jobs

    with pytest.raises(DocumentError, match="is not of this repository"):
        workflow.called(tmp_path, job)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("      - {run: echo, shell: pwsh}\n", "the shell 'pwsh' is not played"),
        ("      - {run: 'echo wrong >>\"$GITHUB_OUTPUT\"', id: x}\n", "Unable to process the file GITHUB_OUTPUT"),
        ("      - {uses: aws-actions/configure-aws-credentials@v6}\n", "`id-token: write` is missing"),
        (
            "      - {run: echo, working-directory: no/where}\n",
            "spryte/no/where'. No such file or directory. Correct `working-directory` in .github/",
        ),
    ],
)
def test_what_a_step_cannot_do_fails_that_step(theatre: Theatre, step: str, said: str) -> None:
    run = theatre.play(step)

    assert run.failure is not None
    assert said in run.failure.errors[-1]


@pytest.mark.parametrize("text", ["nothing", "=value", "A<<END\nnever ended"])
def test_a_file_of_pairs_that_github_would_not_take_is_refused(text: str) -> None:
    with pytest.raises(CommandFileError):
        parse("GITHUB_ENV", text)


def test_pairs_may_hold_the_signs_that_part_them() -> None:
    assert parse("GITHUB_ENV", "A=b=c<<d\n\nB<<X\na=b\nX\n") == {"A": "b=c<<d", "B": "a=b"}


def test_a_checkout_s_inv_finds_the_packages_that_are_installed_here(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text((HERE / "requirements.txt").read_text())

    assert "installed here already" in machine.provide_python(tmp_path)

    venv = tmp_path / ".venv"
    code = "import boto3, sys; print(sys.prefix)"
    done = subprocess.run([venv / "bin/python", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(venv)
    assert (venv / ".place").read_text() == f"{venv}\n"
    assert (venv / ".requirements.txt").read_text() == (HERE / "requirements.txt").read_text()
    assert sys.prefix != str(venv)


@pytest.mark.parametrize("line", ["boto3==0.0.1 \\", "no-such-package==1.0"])
def test_a_checkout_with_other_requirements_is_left_to_its_own_inv(tmp_path: Path, line: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"{line}\n")

    assert "./inv will install the packages" in machine.provide_python(tmp_path)
    assert not (tmp_path / ".venv").exists()
