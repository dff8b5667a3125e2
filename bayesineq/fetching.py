"""Public files, fetched when asked: where they lie, what was fetched of them, and whether it is what was published."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bayesineq.clock import moment
from bayesineq.errors import BayesineqError, SchemaError
from bayesineq.replacing import replacing
from bayesineq.shipped import card_of, card_text
from bayesineq.shipped import folder as shipped
from bayesineq.tables.packed import archive_of, unpack

RECORD: Final = "fetched.json"
"""In the folder of fetched files: of each, its address, digest, size and day."""

MOST_BYTES: Final = 4 << 30
"""Bytes beyond which a download is stopped, where its size is not known."""

_WHAT: Final = "list of public files"
_WAIT: Final = 60.0
_CHUNK: Final = 1 << 16
_KEPT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_KEYS: Final = frozenset({"what", "publisher", "address", "keep", "member", "sha256", "size"})


@dataclass(frozen=True, slots=True)
class PublicFile:
    """
    A public file.

    Parameters
    ----------
    name : str
        By which it is asked for.
    what, publisher : str
        What it is, in words, and whose.
    address : str
        Where it lies: http or https.
    keep : str
        Name under which it is kept.
    member : str
        Pattern of the one file that is wanted of a zip archive; empty where the file is kept as it comes.
    sha256 : str
        Digest of what is kept, in 64 small hexadecimal digits; empty where it is not known before the first fetch.
    size : int
        Bytes of what is kept; 0 where not known.

    Examples
    --------
    >>> PublicFile("iod", "Indices", "MHCLG", "https://example.org/iod.csv", "iod.csv").sha256
    ''
    """

    name: str
    what: str
    publisher: str
    address: str
    keep: str
    member: str = ""
    sha256: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Registry:
    """
    Public files by name, and names of several.

    Parameters
    ----------
    files : mapping of str to PublicFile
        Those that can be asked for.
    sets : mapping of str to sequence of str
        Names that stand for several.

    Examples
    --------
    >>> Registry({}, {"none": ()}).sets
    {'none': ()}
    """

    files: Mapping[str, PublicFile]
    sets: Mapping[str, Sequence[str]] = field(default_factory=dict)


def public_files(own: str | Path | None = None) -> Registry:
    """
    The public files that the package knows, and those of a file of your own.

    Parameters
    ----------
    own : str or Path, optional
        A TOML file laid out like `data_schema/public_files.toml`: it adds files, and replaces those of a name.

    Returns
    -------
    Registry
        Files by name, and names of several.

    Raises
    ------
    SchemaError
        A file's entry lacks something, or says what cannot be; all at once.

    Examples
    --------
    >>> known = public_files()
    >>> known.files["census_2021_ethnicity"].keep
    'census2021-ts021-lsoa.csv'
    >>> "iod_2019" in known.sets["england"]
    True
    """
    found = _read(shipped("data_schema") / "public_files.toml")
    if own is None:
        return found
    more = _read(Path(own))
    return Registry({**found.files, **more.files}, {**found.sets, **more.sets})


def _read(path: Path) -> Registry:
    stated = card_of(card_text(path, _WHAT, SchemaError), str(path), _WHAT, SchemaError)
    entries = stated.get("file", {})
    wrong = [f"{name}: {problem}" for name, given in entries.items() for problem in _faults(given)]
    if wrong:
        raise SchemaError("\n".join([f"The list of public files {path}:", *wrong]))
    return Registry({name: PublicFile(name, **given) for name, given in entries.items()}, stated.get("set", {}))


def _faults(given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the entry of a file."""
    wrong = [f"lacks {key}" for key in ("what", "publisher", "address", "keep") if not given.get(key)]
    wrong += [f"knows no {key!r}; there are {', '.join(sorted(_KEYS))}" for key in sorted(set(given) - _KEYS)]
    if not wrong:
        wrong += [] if _is_address(given["address"]) else [f"the address {given['address']!r} is no http or https"]
        wrong += [] if _KEPT.fullmatch(given["keep"]) else [f"keep = {given['keep']!r} is no plain name of a file"]
        wrong += [] if _DIGEST.fullmatch(given.get("sha256", "0" * 64)) else ["sha256 is not 64 hexadecimal digits"]
    return wrong


def _is_address(text: Any) -> bool:
    return isinstance(text, str) and re.fullmatch(r"https?://[^\s/]+\S*", text) is not None


def wanted(registry: Registry, names: Sequence[str], addresses: Mapping[str, str] | None = None) -> list[PublicFile]:
    """
    The files that were asked for, each at the address that was given for it.

    Parameters
    ----------
    registry : Registry
        From `public_files`.
    names : sequence of str
        Names of files or of sets.
    addresses : mapping of str to str, optional
        Addresses in place of the registry's, by name.

    Returns
    -------
    list of PublicFile
        Each once, in the order of the names.

    Raises
    ------
    SchemaError
        There is no such file, or an address is none.

    Examples
    --------
    >>> [file.name for file in wanted(public_files(), ["area_health"])][:2]
    ['census_2021_health', 'census_2021_ethnicity']
    """
    given = dict(addresses or {})
    asked = list(dict.fromkeys(one for name in names for one in registry.sets.get(name, (name,))))
    wrong = [f"there is no file {name!r}" for name in asked if name not in registry.files]
    wrong += [f"an address is given for {name!r}, which is not fetched" for name in given if name not in asked]
    wrong += [f"{text!r} is no http or https address" for text in given.values() if not _is_address(text)]
    if wrong:
        known = ", ".join([*registry.sets, *registry.files])
        raise SchemaError(f"{'; '.join(wrong)}. Those there are: {known}.")
    return [replace(registry.files[name], address=given.get(name, registry.files[name].address)) for name in asked]


def fetched(folder: str | Path) -> dict[str, dict[str, Any]]:
    """
    What the record of a folder says was fetched into it, by name: empty where nothing was.

    Examples
    --------
    >>> fetched("no such folder")
    {}
    """
    path = Path(folder) / RECORD
    if not path.is_file():
        return {}
    try:
        record: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        if all(_DIGEST.fullmatch(str(one["sha256"])) for one in record.values()):
            return record
        problem = "an entry has no digest"
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        problem = str(error)
    raise SchemaError(f"The record {path} of fetched files cannot be read: {problem}. Remove it, and fetch them again.")


def fetch(
    files: Sequence[PublicFile],
    folder: str | Path,
    *,
    accept: Sequence[str] = (),
    report: Callable[[str], None] = lambda text: None,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Path]:
    """
    Fetch public files into a folder: the one function of the package that reaches the network.

    A file that lies in the folder as the record has it, from the same address, is not fetched again. What comes is
    put in place once it is whole and has the digest that is known of it; nothing else is left behind.

    Parameters
    ----------
    files : sequence of PublicFile
        From `wanted`.
    folder : str or Path
        Where they are kept; made if it is not there.
    accept : sequence of str, optional
        Names whose known digest and size do not count: what comes is taken, and recorded.
    report : callable, optional
        Told what is done.
    progress : callable, optional
        Told how much of a file has come.

    Returns
    -------
    dict of str to Path
        Where each lies.

    Raises
    ------
    BayesineqError
        `pooch` is not installed, a file cannot be fetched, or is not what is known of it; files before it are kept.

    Examples
    --------
    >>> fetch([], "nowhere")
    {}
    """
    place = Path(folder)
    found: dict[str, Path] = {}
    for file in files:
        record = fetched(place)
        path, known = place / file.keep, record.get(file.name, {})
        if known.get("address") == file.address and path.is_file() and _digest(path) == known["sha256"]:
            report(f"{file.name}: kept since {known.get('day')}: {path}")
            found[file.name] = path
            continue
        if file.name in accept:
            file = replace(file, sha256="", size=0)
        elif not file.sha256 and known.get("address") == file.address:
            file = replace(file, sha256=known["sha256"], size=int(known["size"]))
        report(f"{file.name}: fetching {file.address}")
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place, prefix=".fetching-") as beside:
            came = _member(_download(file, Path(beside), report, progress), file)
            entry = {"address": file.address, "keep": file.keep, "day": moment()[:10], **_as_known(came, file)}
            came.replace(path)
        _write(place / RECORD, fetched(place) | {file.name: entry})
        first = "" if file.sha256 else " (recorded: nothing was known of it before)"
        report(f"{file.name}: {entry['size']:,} bytes, sha256 {entry['sha256']}{first}: {path}")
        found[file.name] = path
    return found


def _write(path: Path, record: Mapping[str, Any]) -> None:
    with replacing(path) as beside:
        beside.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _as_known(path: Path, file: PublicFile) -> dict[str, Any]:
    """Digest and size of what came, which must be those that are known of the file."""
    digest, size = _digest(path), path.stat().st_size
    wrong = [f"it has {size:,} bytes, not {file.size:,}"] if file.size not in (0, size) else []
    wrong += [f"its sha256 is {digest}, not {file.sha256}"] if file.sha256 not in ("", digest) else []
    if wrong:
        raise BayesineqError(
            f"What came for {file.name} from {file.address} is not the file that is known: {'; '.join(wrong)}. It is "
            "not kept. It may have been published anew, or be a page of words in its place: look at it in a browser, "
            f"and take it as it is with --accept {file.name}."
        )
    return {"sha256": digest, "size": size}


class _Progress:
    """What pooch tells of a download, passed on; stops what is far larger than it may be."""

    def __init__(self, file: PublicFile, tell: Callable[[str], None]) -> None:
        self.total, self.file, self.tell, self.seen = 0, file, tell, 0

    def update(self, number: int) -> None:
        self.seen += number
        most = (0 if self.file.member else self.file.size) or MOST_BYTES
        if self.seen - number > most:
            raise BayesineqError(
                f"What comes for {self.file.name} from {self.file.address} is larger than {most:,} bytes: it is not "
                f"the file that is known. Look at it in a browser, and take it as it is with --accept {self.file.name}."
            )
        if self.total and self.seen <= self.total:
            self.tell(f"{self.file.name}: {self.seen / 1e6:,.1f} of {self.total / 1e6:,.1f} MB")

    def reset(self) -> None:
        self.seen = 0

    def close(self) -> None:
        self.total = 0


def _download(file: PublicFile, beside: Path, report: Callable[[str], None], progress: Callable[[str], None]) -> Path:
    try:
        import pooch
    except ImportError as error:
        raise BayesineqError(
            f"Fetching needs the package pooch: `pip install bayesineq[fetch]`. Or fetch {file.address} in a browser, "
            f"and lay it into the folder as {file.keep}."
        ) from error

    def _redirected(answer: Any, *unused: Any, **options: Any) -> None:
        if answer.is_redirect:
            where = answer.headers["location"]
            report(f"{file.name}: redirected to {where}")
            if file.address.startswith("https:") and re.match(r"\s*http:", where, re.IGNORECASE):
                raise BayesineqError(
                    f"{file.address} sends on to {where}, which is not encrypted: nothing was fetched. Find the file's "
                    f"address of today at its publisher, {file.publisher}, and give it: --address {file.name}=ADDRESS."
                )

    pooch.get_logger().setLevel("ERROR")
    loader = pooch.HTTPDownloader(
        progressbar=_Progress(file, progress),
        chunk_size=_CHUNK,
        timeout=_WAIT,
        headers={"User-Agent": "bayesineq"},
        hooks={"response": _redirected},
    )
    try:
        return Path(pooch.retrieve(file.address, None, fname="came", path=beside, downloader=loader))
    except OSError as error:
        raise BayesineqError(_why(file, error)) from error


def _why(file: PublicFile, error: OSError) -> str:
    """What kept a file from coming, and what to do."""
    here = f"{file.name} could not be fetched from {file.address}: "
    other = f"Find its address of today at its publisher, {file.publisher}, and give it: --address {file.name}=ADDRESS."
    by_hand = f"Or fetch it elsewhere and lay it into the folder as {file.keep}."
    status = getattr(getattr(error, "response", None), "status_code", None)
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if "TooManyRedirects" in kinds:
        return f"{here}it is sent on and on. {other}"
    if status is not None:
        return f"{here}the server answered {status}. {other} {by_hand}"
    if "Timeout" in kinds:
        return f"{here}nothing came for {_WAIT:.0f} seconds. Try again later. {by_hand}"
    if "ChunkedEncodingError" in kinds or "IncompleteRead" in str(error):
        return f"{here}the connection broke off before the file was whole; nothing of it is kept. Try again."
    if "ConnectionError" in kinds:
        return f"{here}there is no connection to the server. Is this machine allowed onto the network? {by_hand}"
    return f"{here}{error}. {other}"


def _member(path: Path, file: PublicFile) -> Path:
    """The one file that is wanted of an archive, or the file itself."""
    if not file.member:
        return path
    came = f"What came for {file.name} from {file.address}"
    look = "It may be a page of words in its place: look at it in a browser, or give another "
    look += f"--address {file.name}=ADDRESS."
    with archive_of(path, came, look) as archive:
        held = [one for one in archive.infolist() if re.search(f"(?:^|/)(?:{file.member})$", one.filename)]
        if len(held) != 1:
            names = ", ".join(one.filename for one in archive.infolist()[:8])
            raise BayesineqError(
                f"The archive {file.address} has {len(held)} files like {file.member!r}; it holds {names}. It may "
                f"have been published anew: unpack it yourself, and lay the file into the folder as {file.keep}."
            )
        out = path.with_name("member")
        look = f"Look at it, and take it as it is with --accept {file.name}."
        unpack(archive, held[0], out, file.address, look, most=file.size or MOST_BYTES)
    return out
