#!/usr/bin/env python3
"""Runs the tests of published crates with reqwest, and again with the one line changed to this package.

    compat/reqwest/suites.py                  every suite below
    compat/reqwest/suites.py wiremock dufs    only these
    compat/reqwest/suites.py --list           what there is

Each crate's source comes by `cargo fetch`, is copied twice, and its tests run once in each copy: in the first as published, in the second with
`reqwest = { version = … }` become `reqwest = { package = "dimorph-reqwest", path = … }`, its features untouched. The results are compared test by test.
A test that did not pass gets two more goes on its own, with either client, so that a flaky one counts as passed where it can pass.

The run fails if a test passes with reqwest and not with this package, if a test listed as `later` has begun to pass, or if a suite does not build.
It needs the registry, a Rust toolchain and a few GiB; builds go to CARGO_TARGET_DIR or below the scratch folder.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

GOES = 3
"""How often a test may run until it passes, the run with all others included."""
BINARY_SECONDS = 900
TEST_SECONDS = 120

INTERNET = "needs a host on the internet"


@dataclass(frozen=True)
class Suite:
    """One published crate: which of its tests run, and which of them are left out."""

    name: str
    version: str
    args: tuple[str, ...] = ()
    """What `cargo test` gets: targets and features."""
    environment: dict[str, str] = field(default_factory=dict)
    """What the test programs find in their environment, with either client."""
    skip: dict[str, str] = field(default_factory=dict)
    """Tests that run with neither client, each with its reason."""
    later: dict[str, str] = field(default_factory=dict)
    """Tests that pass with reqwest alone so far, each with its reason."""


SUITES = (
    Suite("wiremock", "0.6.5", ("--tests",)),
    Suite("mockito", "1.7.2", ("--tests",), environment={"CLICOLOR_FORCE": "1"}),
    Suite("axum", "0.8.9", ("--lib", "--features", "http2,macros,multipart,ws,axum-macros?/__private")),
    # Without `https`: with it every test asks for a server whose authority the machine would have to trust.
    Suite(
        "httpmock",
        "0.8.3",
        ("--test", "lib", "--features", "http2,proxy,record,remote,standalone"),
        skip={
            "examples::forwarding_tests::forward_to_website": INTERNET,
            "examples::record_and_playback_tests::playback_github_api": INTERNET,
            "examples::record_and_playback_tests::record_with_forwarding_all_request_parts_test": INTERNET,
            "examples::record_and_playback_tests::record_with_forwarding_example_test": INTERNET,
            "misc::large_body_test::large_body_test": "keeps httpmock's server busy for minutes in a debug build, and others wait for that server",
        },
    ),
    Suite("dufs", "0.47.0", ("--tests",)),
    Suite("miniserve", "0.35.0", ("--tests",)),
)


class Broken(Exception):
    """A suite that cannot be fetched or built."""


def run(command, **options):
    return subprocess.run([str(part) for part in command], text=True, errors="replace", **options)


def fetch(suite: Suite, scratch: Path) -> Path:
    """Fetches the crate and returns the folder cargo unpacked it to."""
    package = scratch / "fetch" / suite.name
    (package / "src").mkdir(parents=True, exist_ok=True)
    (package / "src" / "lib.rs").write_text("")
    # cargo fetches a crate without a library too, but does not tell where it is: beside this neighbour.
    neighbour = "itoa"
    (package / "Cargo.toml").write_text(
        f'[package]\nname = "fetch-{suite.name}"\nversion = "0.0.0"\nedition = "2021"\n\n'
        f'[dependencies]\n{neighbour} = "1"\n{suite.name} = "={suite.version}"\n\n[workspace]\n'
    )
    for step in (["cargo", "fetch", "--quiet"], ["cargo", "metadata", "--quiet", "--format-version", "1"]):
        done = run(step, cwd=package, capture_output=True)
        if done.returncode != 0:
            raise Broken(done.stderr)
    manifests = {found["name"]: Path(found["manifest_path"]) for found in json.loads(done.stdout)["packages"]}
    if suite.name in manifests:
        return manifests[suite.name].parent
    return manifests[neighbour].parent.parent / f"{suite.name}-{suite.version}"


def with_line_changed(manifest: str, shim: Path) -> str:
    """Points each dependency table of reqwest to the shim (a crate that names it twice has to name the same one twice)."""
    table = re.compile(r'(^\[(?:dev-)?dependencies\.reqwest\]\n)version = "[^"\n]*"$', re.MULTILINE)
    changed, count = table.subn(lambda found: f'{found[1]}package = "dimorph-reqwest"\npath = {json.dumps(str(shim))}', manifest)
    if count == 0:
        raise Broken("its manifest has no table of reqwest with a version")
    return changed


def copy(source: Path, target: Path, change) -> None:
    """Copies the crate but for the toolchain it names; writes its manifest only if it differs from the last run's, which keeps what is built."""
    shutil.copytree(source, target, dirs_exist_ok=True, copy_function=copy_changed, ignore=shutil.ignore_patterns("Cargo.toml", "Cargo.lock", "rust-toolchain.toml"))
    # Alone, wherever the scratch folder is.
    manifest = change((source / "Cargo.toml").read_text()) + "\n[workspace]\n"
    written = target / "Cargo.toml"
    if not written.exists() or written.read_text() != manifest:
        written.write_text(manifest)
        if (source / "Cargo.lock").exists():
            shutil.copy(source / "Cargo.lock", target)


def copy_changed(source: str, target: str) -> str:
    if not os.path.exists(target) or Path(source).read_bytes() != Path(target).read_bytes():
        shutil.copy(source, target)
    return target


def build(suite: Suite, folder: Path) -> dict[str, str]:
    """Builds the crate's tests; returns its test programs by the name of their target."""
    command = ["cargo", "test", "--quiet", "--no-run", "--message-format=json-render-diagnostics", *suite.args]
    done = run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Broken(done.stderr[-4000:])
    programs = {}
    for line in done.stdout.splitlines():
        message = json.loads(line) if line.startswith("{") else {}
        if message.get("reason") == "compiler-artifact" and message["profile"]["test"] and message.get("executable"):
            target = message["target"]
            programs[f"{target['kind'][0]} {target['name']}"] = message["executable"]
    return programs


def names(program: str, folder: Path) -> tuple[list[str], set[str]]:
    """Returns a program's tests, and which of them are marked `#[ignore]`."""

    def listed(*more):
        done = run([program, "--list", "--format", "terse", *more], cwd=folder, capture_output=True, check=True)
        return [line.removesuffix(": test") for line in done.stdout.splitlines() if line.endswith(": test")]

    return listed(), set(listed("--ignored"))


def results(program: str, folder: Path, suite: Suite, log: Path) -> dict[str, str]:
    """Runs one test program; returns what became of each test: passed, failed, ignored or skipped."""
    tests, ignored = names(program, folder)
    outcome = dict.fromkeys(tests, "failed")
    outcome |= {name: "ignored" for name in tests if name in ignored}
    outcome |= {name: "skipped" for name in tests if name in suite.skip}
    environment = os.environ | {"CARGO_MANIFEST_DIR": str(folder)} | suite.environment
    leave_out = [part for name in tests if name in suite.skip for part in ("--skip", name)]
    with log.open("w") as output:
        # --exact makes --skip exact as well; without a name it runs all others.
        command = [program, "--exact", *leave_out] if leave_out else [program]
        text = attempt(command, folder, environment, BINARY_SECONDS)[1]
        output.write(text)
        for name in re.findall(r"^test (\S+)(?: - should panic)? \.\.\. ok$", text, re.MULTILINE):
            if name in outcome:
                outcome[name] = "passed"
        # What a server printed in the middle of such a line hides a passed test: its own run tells by the exit code.
        for name in [name for name in tests if outcome[name] == "failed"]:
            for _ in range(GOES - 1):
                passed, text = attempt([program, "--exact", name], folder, environment, TEST_SECONDS)
                output.write(text)
                if passed:
                    outcome[name] = "passed"
                    break
    return outcome


def attempt(command, folder: Path, environment, seconds: int) -> tuple[bool, str]:
    try:
        done = run(command, cwd=folder, env=environment, timeout=seconds, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode == 0, done.stdout
    except subprocess.TimeoutExpired as late:
        return False, (late.stdout or b"").decode(errors="replace") + f"\n{command}: not done after {seconds} s\n"


def tested(suite: Suite, folder: Path, logs: Path) -> dict[tuple[str, str], str]:
    """Builds and runs all of a suite in one of its copies."""
    logs.mkdir(parents=True, exist_ok=True)
    outcome = {}
    for target, program in build(suite, folder).items():
        log = logs / f"{target.replace(' ', '-')}.log"
        outcome |= {(target, name): result for name, result in results(program, folder, suite, log).items()}
    return outcome


def compare(suite: Suite, real, ours) -> list[str]:
    """Returns the sentences for which the run fails."""
    wrong = []
    for key in sorted(real.keys() | ours.keys()):
        target, name = key
        with_real, with_ours = real.get(key, "absent"), ours.get(key, "absent")
        if name in suite.later:
            if with_ours == "passed":
                wrong.append(f"{target}: {name} passes now: strike it from `later`")
        elif with_real == "passed" and with_ours != "passed":
            wrong.append(f"{target}: {name}: passed with reqwest, {with_ours} with dimorph-reqwest")
    known = {name for _, name in real}
    wrong += [f"the list names a test that is not there: {name}" for name in [*suite.skip, *suite.later] if name not in known]
    return wrong


def count(outcome, result: str) -> int:
    return sum(1 for found in outcome.values() if found == result)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="names of crates; all without")
    parser.add_argument("--list", action="store_true", help="print the suites and what they leave out, and end")
    parser.add_argument("--only", choices=("real", "ours"), help="run with one of the clients alone")
    parser.add_argument("--package", type=Path, default=Path(__file__).resolve().parent, help="the folder of dimorph-reqwest (default: this one)")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "dimorph-suites", help="where sources, builds and logs go")
    options = parser.parse_args()

    unknown = set(options.suites) - {suite.name for suite in SUITES}
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    chosen = [suite for suite in SUITES if not options.suites or suite.name in options.suites]
    if options.list:
        for suite in chosen:
            print(suite.name, suite.version, *suite.args)
            for label, tests in (("left out", suite.skip), ("later", suite.later)):
                for name, reason in tests.items():
                    print(f"    {label}: {name}: {reason}")
        return 0

    scratch = options.scratch.resolve()
    os.environ.setdefault("CARGO_TARGET_DIR", str(scratch / "target"))
    os.environ["CARGO_TERM_COLOR"] = "never"
    # With debug information all suites take more than 20 GiB, and nobody debugs or edits them.
    os.environ |= {"CARGO_INCREMENTAL": "0", "CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_PROFILE_TEST_DEBUG": "0"}
    changes = {"real": lambda manifest: manifest, "ours": lambda manifest: with_line_changed(manifest, options.package.resolve())}
    rows, wrong = [], []
    for suite in chosen:
        outcomes = {"real": {}, "ours": {}}
        try:
            source = fetch(suite, scratch)
            for client, change in changes.items():
                if options.only in (None, client):
                    folder = scratch / "sources" / f"{suite.name}-{suite.version}-{client}"
                    copy(source, folder, change)
                    outcomes[client] = tested(suite, folder, scratch / "logs" / f"{suite.name}-{suite.version}-{client}")
                    print(f"{suite.name} {suite.version}, {client}: {count(outcomes[client], 'passed')} passed", flush=True)
        except Broken as reason:
            wrong.append(f"{suite.name}: does not build:\n{reason}")
        else:
            if options.only is None:
                wrong += [f"{suite.name}: {sentence}" for sentence in compare(suite, **outcomes)]
            else:
                for (target, name), result in outcomes[options.only].items():
                    if result == "failed":
                        print(f"    failed: {target}: {name}")
        rows.append((suite, outcomes["real"], outcomes["ours"]))

    print(f"\n{'crate':<20} {'tests':>6} {'reqwest':>8} {'dimorph':>8} {'left out':>9} {'later':>6}")
    for suite, real, ours in rows:
        either = real or ours
        left_out = count(either, "skipped") + count(either, "ignored")
        print(f"{suite.name + ' ' + suite.version:<20} {len(either):>6} {count(real, 'passed'):>8} {count(ours, 'passed'):>8} {left_out:>9} {len(suite.later):>6}")
    for sentence in wrong:
        print(f"\n{sentence}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
