"""The rehearsal, with progress: python -m tests.rehearsal."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

from rich.console import Console

from tests.emulator import running
from tests.rehearsal.stack import Stack
from tests.rehearsal.terraform import ROOT, TerraformError, installed

#: The dashboard as it was when all had been seen.
PICTURE = ROOT / "build" / "dashboard.png"


def rehearse(console: Console) -> None:
    """Every step, each said as it begins and ticked off when it is done."""

    def step(what: str, act: Callable[[], object]) -> object:
        started = time.monotonic()
        with console.status(f"{what} ..."):
            found = act()
        more = f": {found}" if isinstance(found, str) else ""
        took = time.monotonic() - started
        console.print(f"[green]✓[/] {what}{more} [dim]{took:.0f} s[/]", highlight=False)
        return found

    with tempfile.TemporaryDirectory(prefix="facepipe-rehearsal-") as folder, running(
        "--enforce-iam", "--retry-seconds", "0"
    ) as aws:
        console.print(f"AWS for now is at {aws.url}; policies are enforced.", highlight=False)
        stack = Stack.make(aws, Path(folder))
        terraform, camera = stack.terraform, "hall-1"
        step("terraform init", terraform.init)
        step("terraform apply", stack.build)
        count = len(terraform.resources())
        console.print(f"  {count} resources and data sources", highlight=False)
        step("a second plan is empty", stack.assert_nothing_to_do)

        def watch() -> str:
            return f"{len(stack.run_demo(camera))} crops, with the camera's own credentials"

        step("a camera watches the demo", watch)
        step("the cloud function scores the crops", stack.wait_until_scored)
        keys = stack.crops(camera)
        step("records say what was seen", lambda: stack.assert_records_say_what_was_seen(keys))
        step("metrics say what was seen", stack.assert_metrics_say_what_was_seen)

        def compare() -> str:
            found = stack.run_demo_in_each_mode()
            seen = {mode: stack.visitors(keys) for mode, keys in found.items()}
            assert len({tuple(people) for people in seen.values()}) == 1, seen
            return "; ".join(f"{len(people)} {mode}" for mode, people in seen.items())

        step("the same people, wherever faces are looked for", compare)
        step("their crops are scored", stack.wait_until_scored)
        step("a bottle is seen, too", lambda: stack.see_an_object(camera))

        def look() -> str:
            stack.assert_dashboard_shows_all(PICTURE)
            return f"see {PICTURE.relative_to(ROOT)}"

        step("every widget of the dashboard shows something", look)
        step(
            "an update in place: code, a variable, hall-2 revoked",
            lambda: f"{len(stack.update_in_place())} changes, nothing rebuilt",
        )
        step("it is in use", lambda: stack.assert_update_is_in_use(camera))
        step("hall-2 gets no credentials", lambda: stack.assert_revoked("hall-2"))
        step("terraform destroy", terraform.destroy)
        step("nothing is left", stack.assert_nothing_is_left)
        lacking = aws.lacking()
        assert not lacking, f"the emulator lacks what the stack asked for: {lacking}"


def main() -> None:
    """The command."""
    console = Console()
    if not installed():
        sys.exit(
            "make rehearse needs Terraform 1.9 or newer: "
            "see https://developer.hashicorp.com/terraform/install"
        )
    if shutil.which("openssl") is None:
        sys.exit("make rehearse needs openssl, for the cameras' keys: install it")
    started = time.monotonic()
    try:
        rehearse(console)
    except (AssertionError, RuntimeError, TerraformError) as error:
        console.print(f"[red]✗[/] {error}", highlight=False)
        sys.exit(1)
    console.print(f"[bold]Rehearsed in {time.monotonic() - started:.0f} s.[/]", highlight=False)


if __name__ == "__main__":
    main()
