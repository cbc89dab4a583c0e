"""Files on the network: `http(s)://` and `s3://` by themselves, any other scheme that fsspec knows where it is installed.

Credentials come from where the clients look for them (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, ...), never from a URL.
Each wait has an end, and a transfer that broke is tried again where that can help.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote, urlsplit

from loopline.errors import LooplineError, MediaError, MissingDependency
from loopline.kernel.exchange import quiet
from loopline.media.archives import member_name

if TYPE_CHECKING:
    from pyarrow import fs

TIMEOUT_S: Final = 30.0
TRIES: Final = 4
_WAIT_S: Final = 0.5  # before the second try; twice as long before each further one
_BLOCK: Final = 1 << 20
_HUB: Final = ("datasets/", "models/", "spaces/", "buckets/")
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_HEADERS: Final = {"User-Agent": "loopline", "Accept-Encoding": "identity"}


def web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def shown(url: str) -> str:
    """A URL without what may be secret: a password before the host, a signature behind `?`.

    >>> shown("https://me:word@host/a.zip?X-Amz-Signature=1")
    'https://host/a.zip'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def name_of(url: str) -> str:
    """The file name that a URL ends with, "" where it ends with a slash.

    >>> name_of("https://host/sets/my%20set.zip?x=1"), name_of("s3://bucket/folder/")
    ('my set.zip', '')
    """
    last = urlsplit(url).path.rpartition("/")[2] if web(url) else url.rpartition("/")[2]
    name = unquote(last) if web(url) else last
    return name if member_name(name) == name and "/" not in name else ""


def fetch(
    url: str,
    target: Path,
    *,
    most: int | None = None,
    report: Callable[[int, int], None] = quiet,
    check: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Bring a remote file to `target`, whole or not at all.

    most     bytes it may have
    report   bytes here, bytes in all (0: not known)

    Raises MediaError where it is not there, may not be read, does not come, or is too large; MissingDependency.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        for number in range(1, TRIES + 1):
            try:
                _once(url, part, most, report, check)
                part.replace(target)
                return
            except _Passing as error:
                if number == TRIES:
                    raise MediaError(
                        f"{error.what}; tried {TRIES} times",
                        where=shown(url),
                        hint="is there a connection? try again later",
                    ) from None
                sleep(_WAIT_S * 2 ** (number - 1))
    finally:
        part.unlink(missing_ok=True)


class _Passing(Exception):
    """A fault that may be gone at the next try."""

    def __init__(self, what: str) -> None:
        self.what = what


def _once(
    url: str, part: Path, most: int | None, report: Callable[[int, int], None], check: Callable[[], None]
) -> None:
    """One try. What the last one brought is kept where the server can go on from there."""
    done = part.stat().st_size if part.exists() else 0
    try:
        content, start, total = _opened(url, done)
        with content, part.open("r+b" if start else "wb") as out:
            out.seek(start)
            for block in iter(partial(content.read, _BLOCK), b""):
                check()
                out.write(block)
                if most is not None and out.tell() > most:
                    raise MediaError(f"has more than {most:,} bytes", where=shown(url))
                report(out.tell(), total)
            if total and out.tell() != total:
                raise _Passing("the transfer broke off")
    except LooplineError:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and done:  # what is there does not fit any more
            part.unlink(missing_ok=True)
            raise _Passing("the transfer broke off") from None
        if error.code in _AGAIN:
            raise _Passing(f"the server answers {error.code} {error.reason}") from None
        words = {404: "there is no such file", 410: "there is no such file", 401: "no permission to read it",
                 403: "no permission to read it"}  # fmt: skip
        raise MediaError(
            words.get(error.code, f"the server answers {error.code} {error.reason}"), where=shown(url)
        ) from None
    except TimeoutError:
        raise _Passing(f"the server did not answer in {TIMEOUT_S:g} s") from None
    except urllib.error.URLError as error:
        raise _Passing(f"the server cannot be reached: {_reason(error.reason)}") from None
    except (http.client.HTTPException, ConnectionError) as error:
        raise _Passing(f"the transfer broke off: {_reason(error)}") from None
    except FileNotFoundError:
        raise MediaError("there is no such file", where=shown(url)) from None
    except PermissionError:
        raise MediaError("no permission to read it", where=shown(url)) from None
    except Exception as error:  # a file system of another package raises what it likes
        if _denied(error):
            raise MediaError("no permission to read it", where=shown(url)) from None
        raise _Passing(f"it cannot be read: {_reason(error)}") from None


def _denied(error: Exception) -> bool:
    return "ACCESS_DENIED" in str(error) or "No response body" in str(error)


def _reason(error: object) -> str:
    """One line of why."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:200]


def _opened(url: str, done: int) -> tuple[Any, int, int]:
    """The content, the byte it begins with, and bytes in all (0: not known)."""
    if not web(url):
        system, path = _system(url)
        file = system.open_input_file(path)
        return file, 0, file.size()
    if any(c.isspace() or ord(c) < 32 for c in url) or not url.isascii():
        url = quote(url, safe="%/:=&?~#+!$,;'@()*[]")
    request = urllib.request.Request(url, headers=_HEADERS | ({"Range": f"bytes={done}-"} if done else {}))
    answer = _opener().open(request, timeout=TIMEOUT_S)
    start = done if done and answer.status == 206 else 0
    return answer, start, start + int(answer.headers.get("Content-Length") or 0)


@cache
def _opener() -> urllib.request.OpenerDirector:
    """Speaks HTTP only: a redirection cannot lead to a local file."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        *(urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler),
        *(
            urllib.request.HTTPDefaultErrorHandler,
            urllib.request.HTTPRedirectHandler,
            urllib.request.HTTPErrorProcessor,
        ),
    ):
        opener.add_handler(handler())
    return opener


def _system(url: str) -> tuple[fs.FileSystem, str]:
    """The file system of a URL, and the path in it."""
    scheme, _, path = url.partition("://")
    scheme = scheme.lower()
    if scheme == "hf" and not path.startswith(_HUB):
        path = f"datasets/{path}"  # the hub's file system takes a bare name for a model
    if scheme == "s3":
        env = os.environ
        endpoint = env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or ""
        region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or ""
        return _s3(endpoint, region, "" if endpoint or region else path.partition("/")[0]), path
    return _other(scheme), path


@cache
def _s3(endpoint: str, region: str, bucket: str) -> fs.FileSystem:
    """S3 at an end point, or Amazon's; `bucket` where it is to be asked for its region."""
    from pyarrow import fs

    if bucket:
        with contextlib.suppress(OSError):  # what is wrong shows when the file is opened
            region = fs.resolve_s3_region(bucket)
    given: dict[str, Any] = {"region": region} if region else {}
    if endpoint:
        given |= {"endpoint_override": endpoint.rstrip("/"), "scheme": endpoint.partition("://")[0]}
    if not (os.environ.get("AWS_ACCESS_KEY_ID") or os.environ.get("AWS_PROFILE") or _aws_file()):
        given["anonymous"] = True  # public buckets; asking the machine it runs on for a role takes seconds
    return fs.S3FileSystem(connect_timeout=TIMEOUT_S, request_timeout=TIMEOUT_S, **given)


def _aws_file() -> bool:
    named = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
    roles = os.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or os.environ.get(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT"
    )
    return bool(named or roles) or (Path.home() / ".aws").is_dir()


@cache
def _other(scheme: str) -> fs.FileSystem:
    from pyarrow import fs

    if scheme in ("gs", "gcs"):
        return fs.GcsFileSystem()
    try:
        import fsspec
    except ImportError:
        raise MissingDependency(
            f"{scheme}:// needs fsspec, which is not installed", hint="pip install 'loopline[remote]'"
        ) from None
    try:
        found = fsspec.filesystem(scheme)
    except ImportError as error:
        hint = "pip install huggingface_hub" if scheme == "hf" else "install what it names"
        raise MissingDependency(str(error), hint=hint) from None
    except ValueError:
        raise MediaError(f"{scheme}:// is not known", hint="http, https, s3, gs, or what fsspec knows") from None
    return fs.PyFileSystem(fs.FSSpecHandler(found))


def is_folder(url: str) -> bool:
    """Whether a URL names a folder: by its last slash over HTTP, which has no folders; elsewhere by asking."""
    if web(url):
        return urlsplit(url).path.endswith("/") or not urlsplit(url).path
    try:
        system, path = _system(url)
        return bool(system.get_file_info(path.rstrip("/")).type.name == "Directory")
    except LooplineError:
        raise
    except Exception as error:  # as above
        raise MediaError(
            f"cannot be reached: {_reason(error)}", where=shown(url), hint="is there a connection?"
        ) from None


def files_in(url: str) -> Iterator[tuple[str, int]]:
    """Every file in a remote folder, by name relative to it, with its bytes. Names that lead out are left aside.

    Raises MediaError, also for a folder over HTTP, which nobody can list.
    """
    if web(url):
        raise MediaError(
            "a folder over HTTP cannot be listed",
            where=shown(url),
            hint="name an archive, or a label file with labels=",
        )
    from pyarrow import fs

    try:
        system, path = _system(url)
        base = path.rstrip("/")
        found = system.get_file_info(fs.FileSelector(base, recursive=True))
    except LooplineError:
        raise
    except Exception as error:  # as above
        raise MediaError(
            f"cannot be listed: {_reason(error)}", where=shown(url), hint="is there a connection?"
        ) from None
    for info in sorted(found, key=lambda one: str(one.path)):
        name = info.path.removeprefix("/").removeprefix(base.removeprefix("/")).lstrip("/")
        if info.is_file and member_name(name) == name and not PurePosixPath(name).name.startswith("."):
            yield name, int(info.size or 0)
