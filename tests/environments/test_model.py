"""An environment's settings: what is refused, in words that say where and what instead."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from environments.model import FOLDER, load_environment, names
from infra.stacks import all_stacks
from services.kernel.errors import Invalid


def wrong(folder: Path, *, drop: str = "", **changes: object) -> str:
    """Return what is said of prod's settings once they were changed."""
    settings = yaml.safe_load((FOLDER / "prod.yaml").read_text("utf-8")) | changes
    settings.pop(drop, None)
    (folder / "prod.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")
    with pytest.raises(Invalid) as refused:
        load_environment("prod", folder)
    return refused.value.detail


def test_environments_are_apart() -> None:
    environments = [load_environment(name) for name in names()]
    assert [environment.name for environment in environments] == ["dev", "prod", "staging"]
    assert len({environment.account for environment in environments}) == len(environments)
    networks = [region.cidr for environment in environments for region in environment.regions.values()]
    assert not any(one.overlaps(other) for one in networks for other in networks if one is not other)


def test_only_prod_has_a_standby_and_protection() -> None:
    assert {name: load_environment(name).standbys for name in names()} == {
        "dev": (),
        "prod": ("us-west-2",),
        "staging": (),
    }
    assert [name for name in names() if load_environment(name).protected] == ["prod"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "blue"}, "prod.yaml:colour: 'blue': Extra inputs are not permitted"),
        ({"account": "12"}, "prod.yaml:account: '12': String should match pattern '^\\d{12}$'"),
        ({"drop": "domain"}, "prod.yaml:domain: Field required"),
        (
            {"cluster": {"version": "1.34", "compute": "auto-mode"}},
            "prod.yaml:cluster.version: '1.34': Input should be",
        ),
        (
            {"regions": {"us-east-1": {"cidr": "10.0.0.0/20", "zones": ["use1-az1", "use1-az2", "use1-az4"]}}},
            "prod.yaml:regions.us-east-1.cidr: '10.0.0.0/20': a private /16",
        ),
        (
            {"regions": {"us-east-1": {"cidr": "10.0.0.0/16", "zones": ["use1-az1"]}}},
            "prod.yaml:regions.us-east-1.zones: ['use1-az1']: Tuple should have at least 3 items",
        ),
        (
            {"regions": {r: {"cidr": "10.0.0.0/16", "zones": ["use1-az1"] * 3} for r in ("us-east-1", "us-west-2")}},
            "regions.us-west-2: 10.0.0.0/16 overlaps another network",
        ),
        ({"regions": {"mars-1": {}}}, "prod.yaml:regions.mars-1: 'mars-1': String should match pattern"),
        (
            {"github": {"repository": "a/b", "owner_id": 3}},
            "prod.yaml:github: owner_id and repository_id are given together",
        ),
        (
            {"retention": {"logs_days": 91, "backup_days": 35, "archive_days": 7, "audit_years": 3}},
            "prod.yaml:retention.audit_years: 3: Input should be greater than or equal to 6",
        ),
        ({"name": "dev"}, "prod.yaml:name: 'dev', but the file says 'prod'"),
    ],
)
def test_a_wrong_setting_is_told_by_file_key_value_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    drop = str(changes.get("drop", ""))
    told = wrong(tmp_path, drop=drop, **{key: value for key, value in changes.items() if key != "drop"})
    assert said in told


def test_text_that_is_no_yaml_and_unknown_environments_are_told(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text("regions: [", "utf-8")
    with pytest.raises(Invalid, match=r"dev.yaml is not YAML"):
        load_environment("dev", tmp_path)
    with pytest.raises(Invalid, match=r"no environment is called 'test'; there are dev, prod, staging"):
        load_environment("test")


def test_every_stack_has_its_file_and_no_other() -> None:
    files = {file.name.removeprefix("Pulumi.").removesuffix(".yaml"): file for file in FOLDER.glob("Pulumi.*.yaml")}
    assert set(files) == {stack.name for stack in all_stacks()}
    for stack in all_stacks():
        environment = load_environment(stack.environment)
        region = stack.region or environment.primary
        assert yaml.safe_load(files[stack.name].read_text("utf-8")) == {
            "secretsprovider": f"awskms://alias/careslot-{environment.name}-state?region={region}",
            "config": {"pulumi:disable-default-providers": ["*"]},
        }
