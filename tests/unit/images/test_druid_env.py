"""The Druid image's scripts: environment to properties, JVM options, ZooKeeper's settings, class lists."""

import importlib.util
import json
import os
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from types import ModuleType

import pytest

from infra.paths import SERVICES

IMAGE = SERVICES / "druid"


def bash(script: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a script after the functions of the entry point; `home` is the image's own folder."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"home={IMAGE}; source {IMAGE}/lib.sh; {script}"],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=False,
    )


def properties(text: str) -> dict[str, str]:
    """Reads properties as Java does, as far as the image writes them: the last wins, backslash escapes."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found[name] = value.encode("latin-1", "backslashreplace").decode("unicode_escape")
    return found


def test_underscores_are_dots_and_other_variables_are_left_alone() -> None:
    done = bash("environment_properties", druid_zk_service_host="zookeeper", DRUID_XMX="1g", other_druid_a="b")
    assert properties(done.stdout) == {"druid.zk.service.host": "zookeeper"}


@pytest.mark.parametrize(
    "value",
    ['["a","b"]', "jdbc:derby://h:1527//d/m.db;create=true", "a=b=c", r"back\slash\n", "two\nlines", "#not a comment"],
)
def test_a_value_arrives_as_it_was_given(value: str) -> None:
    assert properties(bash("environment_properties", druid_x=value).stdout) == {"druid.x": value}


def test_the_environment_wins_over_the_images_properties() -> None:
    script = "read_properties coordinator service; environment_properties"
    found = properties(bash(script, druid_plaintextPort="9999").stdout)
    assert found["druid.plaintextPort"] == "9999"
    assert found["druid.coordinator.asOverlord.enabled"] == "true"


def test_a_file_given_replaces_the_images_properties(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_text("druid.service=mine")
    script = "read_properties broker service"
    assert properties(bash(script, DRUID_CONFIG_broker=str(given)).stdout) == {"druid.service": "mine"}


def test_an_unknown_process_is_refused_and_the_known_ones_are_named() -> None:
    done = bash("read_properties brokre service")
    assert done.returncode != 0
    assert "'brokre'" in done.stderr
    assert "broker" in done.stderr.replace("brokre", "")


class Accepting(ThreadingMixIn, TCPServer):
    daemon_threads = True


@pytest.fixture
def listening() -> Iterator[int]:
    with Accepting(("127.0.0.1", 0), lambda request, *_: request.recv(1)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_the_host_is_the_address_that_reaches_zookeeper(listening: int) -> None:
    done = bash("host_property", druid_zk_service_host=f"127.0.0.1:{listening},other:2181")
    assert done.stdout == "druid.host=127.0.0.1\n", done.stderr


@pytest.mark.parametrize("given", [{"druid_host": "broker"}, {"DRUID_SET_HOST": "0"}])
def test_a_host_that_was_given_or_is_not_wanted_is_not_looked_for(given: dict[str, str]) -> None:
    done = bash("host_property", druid_zk_service_host="nowhere.invalid", **given)
    assert (done.returncode, done.stdout) == (0, "")


def jvm(process: str, **env: str) -> list[str]:
    return bash(f"jvm_options {process}; printf '%s\\n' \"${{jvm[@]}}\"", **env).stdout.splitlines()


def test_sizes_come_from_the_environment() -> None:
    options = jvm("historical", DRUID_XMS="1g", DRUID_XMX="2g", DRUID_MAXDIRECTMEMORYSIZE="3g", DRUID_NEWSIZE="4m")
    assert {"-Xms1g", "-Xmx2g", "-XX:MaxDirectMemorySize=3g", "-XX:NewSize=4m"} <= set(options)


def test_java_opts_are_the_last_and_may_choose_the_collector() -> None:
    options = jvm("broker", JAVA_OPTS="-Xmx8g -XX:+UseG1GC")
    assert options[-2:] == ["-Xmx8g", "-XX:+UseG1GC"]
    assert "-XX:+UseSerialGC" not in options, "a JVM with two collectors does not start"
    assert "-XX:+UseSerialGC" in jvm("broker")


def test_what_goes_over_rows_gets_the_thorough_compiler() -> None:
    quick = "-XX:TieredStopAtLevel=1"
    assert [name for name in ("broker", "coordinator", "historical", "indexer", "router") if quick in jvm(name)] == [
        "coordinator",
        "router",
    ]


def test_zookeeper_takes_the_official_images_settings(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    java.chmod(0o755)
    done = subprocess.run(
        ["bash", IMAGE / "zookeeper.sh"],
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "TMPDIR": str(tmp_path),
            "ZOO_DATA_DIR": str(tmp_path),
            "ZOO_MY_ID": "3",
            "ZOO_TICK_TIME": "500",
            "ZOO_SERVERS": "server.1=a:2888:3888;2181 server.3=b:2888:3888;2181",
            "ZOO_CFG_EXTRA": "clientPort=2999",
            "ZK_SERVER_HEAP": "99",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert "-Xmx99m" in done.stdout.splitlines()
    assert (tmp_path / "myid").read_text() == "3\n"
    config = properties((tmp_path / "conf" / "zoo.cfg").read_text())
    assert config["tickTime"] == "500"
    assert config["clientPort"] == "2999"
    assert config["server.3"] == "b:2888:3888;2181"


@pytest.fixture(scope="module")
def make_archive() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_archive", IMAGE / "make_archive.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_classes_that_a_read_only_archive_cannot_hold_are_left_out(make_archive: ModuleType, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.jar", "w") as jar:
        for name, major in {"a/Old": 49, "a/New": 50}.items():
            jar.writestr(f"{name}.class", b"\xca\xfe\xba\xbe\x00\x00" + major.to_bytes(2) + b"rest")
    (tmp_path / "1").write_text("# NOTE\na/New\na/Old\n@lambda-proxy a/Old run ()V\n")
    (tmp_path / "2").write_text("b/Other\na/New\n")
    old = make_archive.old_classes([tmp_path / "a.jar"])
    assert make_archive.union([tmp_path / "1", tmp_path / "2"], old) == ["a/New", "b/Other"]


def test_extensions_in_the_list_are_those_that_the_image_brings() -> None:
    listed = properties((IMAGE / "conf" / "common.runtime.properties").read_text())["druid.extensions.loadList"]
    assert set(json.loads(listed)) == {path.name.removesuffix(".pom.xml") for path in IMAGE.glob("extensions/*")}
