"""Servers that tests start for themselves, on loopback, in a folder of their own, stopped at the end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class S3Server:
    """An S3-compatible server. `env` is what a client needs in its environment, the end point included."""

    url: str  # http://127.0.0.1:<port>
    bucket: str
    env: Mapping[str, str]


def postgres_programs() -> Path | None:
    """The folder of initdb and postgres: Debian's newest, else the one on PATH. None: not installed."""
    debian = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()]
    if debian:
        return max(debian, key=lambda folder: int(folder.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def postgres_server(programs: Path) -> Iterator[str]:
    """A throw-away PostgreSQL cluster; yields the URL of its empty first database.

    As root the server runs as the user `postgres`, because initdb refuses root. The folder is not pytest's: those
    are closed to other users, and a unix socket's path must stay short.
    """
    account = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="loopline-pg-"))
    try:
        if account:
            shutil.chown(folder, account, account)
        as_account = {"user": account, "group": account, "extra_groups": []} if account else {}
        cluster = folder / "cluster"
        make = [programs / "initdb", "--pgdata", cluster, "--username", "postgres", "--auth", "trust"]
        make += ["--encoding", "UTF8", "--locale", "C", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, cwd=folder, **as_account)
        port = free_port()
        command = [programs / "postgres", "-D", cluster, "-k", folder, "-p", str(port)]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        log = folder / "log"
        with log.open("wb") as out:
            server = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, **as_account)
        try:
            _wait_until_ready([programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], server, log)
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # "fast": does not wait for clients to leave
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(is_ready: list[Path | str], server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        if subprocess.run(is_ready, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


def new_postgres_database(programs: Path, server_url: str, name: str) -> str:
    """The URL of a new, empty database on a running server."""
    subprocess.run([programs / "createdb", "--maintenance-db", server_url, name], check=True, capture_output=True)
    return server_url.rsplit("/", 1)[0] + "/" + name


@contextmanager
def moto_server() -> Iterator[S3Server]:
    """moto's S3 server in a thread, with one empty bucket."""
    import boto3
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url, bucket = f"http://{host}:{port}", "loopline-test"
        env = {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": url,
        }
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name=env["AWS_REGION"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=bucket)
        client.close()
        yield S3Server(url, bucket, env)
    finally:
        server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
