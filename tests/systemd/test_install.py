"""The installer below a prefix: the machine it runs on stays as it is."""

import subprocess
from pathlib import Path

import pytest

PARTS = ("broker", "gateway", "edge:plates")


def install(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(repository / "systemd" / "install.sh"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and change time of every file below `folder`."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root with what the owner brings: configurations, certificates, Debian's broker."""
    for folder in ("etc/mosquitto/conf.d", "etc/tebura/tls"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("gateway.toml", "plates.toml"):
        (tmp_path / "etc/tebura" / name).write_text("")
    for name in ("ca.crt", "ca.crl", "broker.crt", "broker.key"):
        (tmp_path / "etc/tebura/tls" / name).write_text("")
    return tmp_path


def test_install_places_units_and_broker_configuration(machine: Path, repository: Path) -> None:
    done = install(
        repository, "--prefix", str(machine), "--no-program", "--store", "corner", *PARTS
    )
    assert done.returncode == 0, done.stderr
    units = machine / "etc/systemd/system"
    assert (units / "tebura-edge@.service").is_file()
    assert (units / "tebura-gateway.service").is_file()
    assert (units / "mosquitto.service.d/tebura.conf").is_file()
    acl = (machine / "etc/mosquitto/tebura.acl").read_text()
    assert "pattern write tebura/v1/corner/%u/event" in acl
    assert "@" not in acl
    assert (machine / "etc/tebura/keys/plates").stat().st_mode & 0o777 == 0o700


def test_a_second_install_changes_nothing(machine: Path, repository: Path) -> None:
    arguments = ("--prefix", str(machine), "--no-program", "--store", "corner", *PARTS)
    assert install(repository, *arguments).returncode == 0
    before = files_of(machine)
    again = install(repository, *arguments)
    assert again.returncode == 0
    assert "writing" not in again.stdout
    assert files_of(machine) == before


def test_a_dry_run_writes_nothing(machine: Path, repository: Path) -> None:
    before = files_of(machine)
    done = install(repository, "--prefix", str(machine), "--dry-run", "--store", "corner", *PARTS)
    assert done.returncode == 0, done.stderr
    assert "tebura-gateway.service" in done.stdout
    assert files_of(machine) == before


def test_uninstall_keeps_configuration_and_keys(machine: Path, repository: Path) -> None:
    before = files_of(machine)
    install(repository, "--prefix", str(machine), "--no-program", "--store", "corner", *PARTS)
    done = install(repository, "--prefix", str(machine), "--uninstall")
    assert done.returncode == 0, done.stderr
    assert files_of(machine) == before
    assert (machine / "etc/tebura/keys/plates").is_dir()


def test_everything_in_the_way_is_named_before_anything_is_written(
    tmp_path: Path, repository: Path
) -> None:
    done = install(repository, "--prefix", str(tmp_path), "broker", "edge:plates", "edge:No")
    assert done.returncode == 1
    for problem in ("--store NAME", "apt-get install mosquitto", "plates.toml", "No: a node's"):
        assert problem in done.stderr
    assert files_of(tmp_path) == {}


@pytest.mark.parametrize("arguments", [(), ("--nonsense",), ("edge:",)])
def test_a_wrong_command_line_shows_the_usage(arguments: tuple[str, ...], repository: Path) -> None:
    done = install(repository, *arguments)
    assert done.returncode == 1
    assert "PART" in done.stderr


def test_install_copies_the_program_without_its_environment(
    machine: Path, repository: Path
) -> None:
    done = install(repository, "--prefix", str(machine), "gateway")
    assert done.returncode == 0, done.stderr
    assert (machine / "opt/tebura/tebura").stat().st_mode & 0o111
    assert (machine / "opt/tebura/contract/tebura_contract/ids.py").is_file()
    assert not (machine / "opt/tebura/.venv").exists()


def test_certificates_can_be_read_by_services_and_keys_by_nobody_else(
    tmp_path: Path, repository: Path
) -> None:
    folder = tmp_path / "tebura/tls"
    for arguments in (("init",), ("client", "plates")):
        subprocess.run(
            ["sh", str(repository / "systemd/certificate.sh"), *arguments],
            env={"TEBURA_TLS": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            check=True,
            capture_output=True,
        )
    for path in (folder.parent, folder):
        assert path.stat().st_mode & 0o777 == 0o755
    for name in ("ca.crt", "ca.crl", "plates.crt"):
        assert (folder / name).stat().st_mode & 0o777 == 0o644
    for name in ("ca.key", "plates.key"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
