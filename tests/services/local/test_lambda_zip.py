"""A function's zip holds what it needs for where it runs, and is the same bytes for the same inputs."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from services.local.child import CannotStart
from services.local.emulator import emulator_python
from services.local.lambda_zip import AWS_TARGET, Target, build, emulator_target

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def services(tmp_path: Path) -> Path:
    folder = tmp_path / "services"
    folder.mkdir()
    for name in ("__init__.py", "kernel", "contracts"):
        source = ROOT / "services" / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy(source, folder / name)
    shutil.copytree(ROOT / "tests" / "fixtures" / "probe_service", folder / "probe")
    (folder / "probe" / "migrations").mkdir()
    (folder / "probe" / "migrations" / "probe-0001.sql").write_text("SELECT 1")
    (folder / "probe" / "cli.py").write_text("import typer")
    (folder / "probe" / "text.jinja").write_text("Hello {{ name }}")
    (folder / "stranger").mkdir()
    (folder / "stranger" / "__init__.py").write_text("")
    return folder


@pytest.fixture(params=["emulator", "aws"])
def target(request: pytest.FixtureRequest) -> Target:
    return emulator_target(emulator_python()) if request.param == "emulator" else AWS_TARGET


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def names(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_same_inputs_same_bytes_and_a_change_shows(services: Path, target: Target, tmp_path: Path, cache: Path) -> None:
    first = build("probe", target, services=services, cache=cache)
    again = build("probe", target, services=services, cache=cache)
    elsewhere = build("probe", target, services=services, cache=tmp_path / "two")
    assert first.path == again.path
    assert first.sha256 == elsewhere.sha256
    (services / "probe" / "text.jinja").write_text("Good day {{ name }}")
    changed = build("probe", target, services=services, cache=cache)
    assert changed.sha256 != first.sha256


def test_it_holds_one_service_with_its_texts_and_leaves_out_what_never_runs_there(
    services: Path, target: Target, cache: Path
) -> None:
    held = names(build("probe", target, services=services, cache=cache).path)
    assert {"services/__init__.py", "services/kernel/inbox.py", "services/probe/lambdas/echo.py"} <= held
    assert "services/probe/text.jinja" in held
    assert {"asyncpg/__init__.py", "pydantic_settings/sources/providers/cli.py"} <= held
    assert not [name for name in held if name.startswith("services/stranger")]
    assert not [
        name
        for name in held
        if re.search(r"/migrations/|^services/.*/cli\.py|^boto3|^fastapi|\.dist-info/RECORD$", name)
    ]


def test_compiled_wheels_fit_the_target(services: Path, target: Target, cache: Path) -> None:
    held = names(build("probe", target, services=services, cache=cache).path)
    compiled = {name for name in held if name.endswith(".so") and "abi3" not in name}
    assert len(compiled) >= 3
    if target is AWS_TARGET:
        assert all(name.endswith(".cpython-313-aarch64-linux-gnu.so") for name in compiled)
        assert not [name for name in held if name.endswith(".pyc")]
    else:
        suffix = subprocess.check_output(
            [emulator_python(), "-c", "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"], text=True
        ).strip()
        assert all(name.endswith(suffix) for name in compiled)


def test_its_handler_imports_under_the_emulators_interpreter_with_nothing_else(
    services: Path, tmp_path: Path, cache: Path
) -> None:
    target = emulator_target(emulator_python())
    package = build("probe", target, services=services, cache=cache)
    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(tmp_path / "code")
    done = subprocess.run(
        [emulator_python(), "-c", "import services.probe.lambdas.echo as echo; print(echo.__file__)"],
        cwd=tmp_path / "code", env={}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == str(tmp_path / "code" / "services" / "probe" / "lambdas" / "echo.py"), done.stderr


def test_a_package_that_cannot_be_had_is_named(services: Path, tmp_path: Path) -> None:
    requirements = tmp_path / "lambda.txt"
    requirements.write_text("careslot-has-no-such-package==1.0 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(CannotStart, match="careslot-has-no-such-package"):
        build("probe", AWS_TARGET, services=services, requirements=requirements, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.zip"))
