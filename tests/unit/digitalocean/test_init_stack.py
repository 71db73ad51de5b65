"""`make init` on the simulated account: each answer is checked when it is given, and the file is a valid stack."""

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.config import StackConfig
from infra.config.digitalocean import Preset
from infra.config.website import NONE
from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.server import Simulator
from tools import init_stack, stack_settings
from tools.stack_settings import own_settings, raw_settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's settings, and the simulated account's token in the environment."""
    for name in ("Pulumi.yaml", "Pulumi.prod.yaml", "Pulumi.dev.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    monkeypatch.setattr(init_stack, "ROOT", tmp_path)
    monkeypatch.setattr(stack_settings, "ROOT", tmp_path)
    monkeypatch.setattr(init_stack, "own_address", lambda: "198.51.100.7")
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    return tmp_path


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command with these lines typed."""

    def run(*lines: str, stack: str = "prod") -> None:
        monkeypatch.setattr("sys.argv", ["init_stack", "--stack", stack])
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        init_stack.main()

    return run


def written(folder: Path, stack: str = "prod") -> StackConfig:
    contents = yaml.safe_load((folder / f"Pulumi.{stack}.yaml").read_text())
    return StackConfig.parse(stack, raw_settings(own_settings(contents)))


def test_the_suggestions_are_a_stack_that_works(folder: Path, answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answer("", "", "", "", "")
    config = written(folder)
    cloud = config.digitalocean
    assert (cloud.region, cloud.preset, cloud.ssh_allowed_cidrs) == ("fra1", Preset.SMALL, ("198.51.100.7/32",))
    assert config.images.registry_server == "registry.digitalocean.com/clickstream-prod"
    said = capsys.readouterr().out
    assert "small     1 droplets, 105.50 USD a month" in said
    assert "110.50 USD a month; plans above 140 are refused" in said
    assert cloud.monthly_cost_ceiling == 140
    assert config.pipeline.website != NONE


def test_each_wrong_answer_is_refused_with_the_reason_and_asked_again(
    folder: Path, api: SimulatorClient, answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    api.call("POST", "/domains", {"name": "example.com"})
    answer(
        *("fra", "nyc2", "ams3"),
        *("big", "standard"),
        *("0.0.0.0/0", "my network", "192.0.2.0/24, 198.51.100.7/32"),
        *("not a domain", "clicks.example.com", "nobody", "ops@example.com"),
        *("UPPER CASE", "mine"),
    )
    refused = capsys.readouterr().err
    for reason in (
        "'fra' is not a region",
        "nyc2 takes no new droplets",
        "'big' given; small, standard or ha is allowed",
        "opens port 22 to the whole internet",
        "sshAllowedCidrs[0]",
        "domain:",
        "acmeEmail:",
        "registryServer:",
    ):
        assert reason in refused
    config = written(folder)
    assert config.digitalocean.region == "ams3"
    assert config.digitalocean.dns_zone == "example.com"
    assert (config.edge.domain, config.edge.tls.value) == ("clicks.example.com", "acme")
    assert config.digitalocean.ssh_allowed_cidrs == ("192.0.2.0/24", "198.51.100.7/32")
    assert config.druid.druid_scale == 2


def test_an_account_with_too_few_droplets_is_told_at_the_preset(
    folder: Path, api: SimulatorClient, answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    api.set_limits(droplets=3)
    answer("", "ha", "standard", "", "", "")
    assert "the account's limit is 3" in capsys.readouterr().err
    assert written(folder).digitalocean.preset is Preset.STANDARD


def test_what_the_file_holds_besides_is_kept(folder: Path, answer: Any) -> None:
    file = folder / "Pulumi.prod.yaml"
    token = {"digitalocean:token": {"secure": "v1:abc"}}
    contents = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({"config": {**contents["config"], **token}, "encryptionsalt": "v1:xyz"}))
    answer("", "", "", "", "")
    after = yaml.safe_load(file.read_text())
    assert after["config"]["digitalocean:token"] == token["digitalocean:token"]
    assert after["encryptionsalt"] == "v1:xyz"


def test_another_stack_begins_with_the_settings_of_prod(folder: Path, answer: Any) -> None:
    answer("", "", "", "", "", stack="staging")
    assert written(folder, "staging").images.registry_server.endswith("/clickstream-staging")
    assert "203.0.113.0/24" in (folder / "Pulumi.prod.yaml").read_text(), "and prod is as it was"


@pytest.mark.parametrize(
    ("lines", "stack", "reason"),
    [
        ([], "prod", "no answer to 'Region"),
        ([], "dev", "runs on one machine"),
    ],
)
def test_nothing_is_written_without_answers(
    folder: Path, answer: Any, lines: list[str], stack: str, reason: str
) -> None:
    before = {file.name: file.read_text() for file in folder.iterdir()}
    with pytest.raises(SystemExit, match=reason):
        answer(*lines, stack=stack)
    assert {file.name: file.read_text() for file in folder.iterdir()} == before


@pytest.mark.usefixtures("folder")
def test_a_stack_that_is_set_up_is_left_alone(answer: Any) -> None:
    answer("", "", "", "", "")
    with pytest.raises(SystemExit, match="set up already"):
        answer("", "", "", "", "")


@pytest.mark.usefixtures("folder")
def test_a_wrong_token_is_refused_before_the_first_question(answer: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "wrong")
    with pytest.raises(SystemExit, match="refuses the token"):
        answer()
