"""Fetching, against a server on the loopback address: what came is what is known, or nothing is kept and it is said."""

from __future__ import annotations

import hashlib
import io
import json
import re
import socket
import ssl
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bayesineq.cli import main
from bayesineq.errors import BayesineqError, SchemaError
from bayesineq.fetching import PublicFile, fetch, fetched, public_files, wanted

CONTENT = b"area,count\nE01000001,3\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def archive(names: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in names.items():
            file.writestr(name, content)
    return made.getvalue()


PAGES = {
    "/file.csv": CONTENT,
    "/other.csv": b"area,count\nE01000001,4\n",
    "/page.zip": b"<html>Moved</html>",
    "/table.zip": archive({"notes.txt": b"", "in/table-lsoa.csv": CONTENT, "in/table-msoa.csv": b"x"}),
    "/twins.zip": archive({"a/table-lsoa.csv": CONTENT, "b/table-lsoa.csv": CONTENT}),
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """A server's address, and what was asked of it."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path == "/moved.csv":
                self.send_response(302)
                self.send_header("Location", "/file.csv")
                self.end_headers()
            elif self.path == "/round.csv":
                self.send_response(302)
                self.send_header("Location", "/round.csv")
                self.end_headers()
            elif self.path == "/cut.csv":
                self.send_response(200)
                self.send_header("Content-Length", str(len(CONTENT) + 9))
                self.end_headers()
                self.wfile.write(CONTENT)
            elif self.path in PAGES:
                self.send_response(200)
                self.send_header("Content-Length", str(len(PAGES[self.path])))
                self.end_headers()
                self.wfile.write(PAGES[self.path])
            else:
                self.send_error(404)

        def log_message(self, *unused: object) -> None:
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}", asked
    made.shutdown()
    made.server_close()
    thread.join()


def public(address: str, **given: object) -> PublicFile:
    return PublicFile("counts", "Counts", "Somebody", address, "counts.csv", **given)  # type: ignore[arg-type]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_is_kept_and_recorded_and_not_fetched_again(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = server
    said: list[str] = []
    for _ in range(2):
        found = fetch([public(f"{address}/file.csv")], tmp_path / "data", report=said.append)
    assert found["counts"].read_bytes() == CONTENT
    assert asked == ["/file.csv"]
    entry = fetched(tmp_path / "data")["counts"]
    assert (entry["sha256"], entry["size"], entry["address"]) == (DIGEST, len(CONTENT), f"{address}/file.csv")
    assert any("nothing was known of it before" in line for line in said)
    assert "kept since" in said[-1]
    assert left(tmp_path / "data") == ["counts.csv", "fetched.json"]


def test_what_changed_since_the_first_fetch_is_not_taken_unless_accepted(
    server: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = server
    file = public(f"{address}/file.csv")
    path = fetch([file], tmp_path)["counts"]
    path.unlink()
    monkeypatch.setitem(PAGES, "/file.csv", PAGES["/other.csv"])
    with pytest.raises(BayesineqError, match=f"its sha256 is [0-9a-f]{{64}}, not {DIGEST}.*--accept counts"):
        fetch([file], tmp_path)
    assert left(tmp_path) == ["fetched.json"]
    assert fetch([file], tmp_path, accept=["counts"])["counts"].read_bytes() == PAGES["/other.csv"]
    assert fetched(tmp_path)["counts"]["sha256"] != DIGEST


@pytest.mark.parametrize(
    ("page", "known", "words"),
    [
        ("/file.csv", {"sha256": "0" * 64}, f"its sha256 is {DIGEST}, not {'0' * 64}"),
        ("/file.csv", {"size": 999}, f"it has {len(CONTENT)} bytes, not 999"),
        ("/nowhere.csv", {}, "the server answered 404. Find its address of today at its publisher, Somebody"),
        ("/cut.csv", {}, "broke off before the file was whole; nothing of it is kept"),
        ("/round.csv", {}, "it is sent on and on"),
        ("/page.zip", {"member": "table-lsoa\\.csv"}, "is no zip archive that can be unpacked"),
        ("/twins.zip", {"member": "table-lsoa\\.csv"}, "has 2 files like"),
        ("/table.zip", {"member": "table-oa\\.csv"}, "has 0 files like 'table-oa"),
        ("/table.zip", {"member": "table-lsoa\\.csv", "size": 3}, "unpacks to 23 bytes, more than the 3"),
    ],
)
def test_what_is_not_the_file_is_not_kept(
    server: tuple[str, list[str]], tmp_path: Path, page: str, known: dict[str, object], words: str
) -> None:
    before = tmp_path / "counts.csv"
    before.write_bytes(b"as it was")
    with pytest.raises(BayesineqError, match=re.escape(words)):
        fetch([public(server[0] + page, **known)], tmp_path)
    assert before.read_bytes() == b"as it was"
    assert left(tmp_path) == ["counts.csv"]


def test_the_wanted_file_of_an_archive_is_what_is_kept(server: tuple[str, list[str]], tmp_path: Path) -> None:
    file = public(f"{server[0]}/table.zip", member="table-lsoa\\.csv", sha256=DIGEST, size=len(CONTENT))
    assert fetch([file], tmp_path)["counts"].read_bytes() == CONTENT


def test_a_redirection_is_followed_and_said(server: tuple[str, list[str]], tmp_path: Path) -> None:
    said: list[str] = []
    found = fetch([public(f"{server[0]}/moved.csv", sha256=DIGEST)], tmp_path, report=said.append)
    assert found["counts"].read_bytes() == CONTENT
    assert "counts: redirected to /file.csv" in said


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_an_encrypted_address_that_sends_on_to_one_that_is_not_is_refused(
    server: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """A server with a certificate of its own, which is known to the client, sends on to the plain one."""
    plain = server[0].replace("http", scheme)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{plain}/file.csv" if self.path == "/moved.csv" else "/moved.csv")
            self.end_headers()

        def log_message(self, *unused: object) -> None:
            pass

    certificate = Path(__file__).with_name("loopback.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    made = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    made.socket = context.wrap_socket(made.socket, server_side=True)
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    for page in ("moved.csv", "moved_twice.csv"):
        file = public(f"https://127.0.0.1:{made.server_port}/{page}", sha256=DIGEST)
        with pytest.raises(BayesineqError, match="which is not encrypted: nothing was fetched"):
            fetch([file], tmp_path)
    made.shutdown()
    made.server_close()
    thread.join()
    assert server[1] == []
    assert left(tmp_path) == []


def test_without_a_network_it_says_so_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/file.csv"
        with pytest.raises(BayesineqError, match=r"no connection to the server.*lay it into the folder as counts\.csv"):
            fetch([public(address)], tmp_path)
    assert left(tmp_path) == []


def test_a_file_larger_than_is_known_is_stopped_while_it_comes(
    server: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PAGES, "/large.csv", b"0" * 400_000)
    with pytest.raises(BayesineqError, match="larger than 10 bytes"):
        fetch([public(f"{server[0]}/large.csv", size=10)], tmp_path)
    assert left(tmp_path) == []


def test_without_pooch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(BayesineqError, match=r"pip install bayesineq\[fetch\]"):
        fetch([public("http://127.0.0.1:9/file.csv")], tmp_path)


def test_a_registry_of_ones_own_adds_and_replaces_and_its_faults_are_said_at_once(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    entry = 'what = "Mine"\npublisher = "We"\naddress = "https://example.org/a.csv"\nkeep = "a.csv"\n'
    own.write_text(f"[file.iod_2019]\n{entry}")
    known = public_files(own)
    assert known.files["iod_2019"].what == "Mine"
    assert "population_2020" in known.files
    own.write_text('[file.a]\nwhat = "x"\n[file.b]\n' + entry.replace("a.csv", "../a.csv").replace("https", "file"))
    with pytest.raises(SchemaError) as caught:
        public_files(own)
    for words in ("a: lacks publisher", "a: lacks keep", "is no http or https", "'../a.csv' is no plain name"):
        assert words in str(caught.value)


def test_every_shipped_entry_can_be_asked_for() -> None:
    known = public_files()
    for name, members in known.sets.items():
        assert [file.name for file in wanted(known, [name])] == list(members)
    assert len({file.keep for file in known.files.values()}) == len(known.files)
    for file in known.files.values():
        assert file.address.startswith("https://")
        re.compile(file.member)
        assert bool(file.sha256) == bool(file.size)
    with pytest.raises(SchemaError, match="there is no file 'iod'; an address is given for 'iod_2025'"):
        wanted(known, ["iod"], {"iod_2025": "https://example.org/x"})


def test_what_is_known_of_files_at_hand_is_so(shared: Path) -> None:
    """Digests of the registry are those of the copies of the published files that tests read."""
    import gzip

    census = sorted((shared / "data" / "census2021").glob("*.csv.gz"))
    own = {hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest(): path.name for path in census}
    book = shared / "data" / "imd" / "File_1_IoD2025_Index_of_Multiple_Deprivation.xlsx"
    own[hashlib.sha256(book.read_bytes()).hexdigest()] = book.name
    assert {file.sha256 for file in public_files().files.values() if file.sha256} == set(own)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_lists_without_a_network_and_an_address_of_ones_own_takes_effect_and_is_logged(
    server: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", None)
        assert run(monkeypatch, "fetch") == 0
    assert "census_2011_qualifications: Census 2011, QS501EW" in capsys.readouterr().out
    assert left(tmp_path) == []
    place = f"{server[0]}/file.csv"
    assert run(monkeypatch, "fetch", "iod_2019", "--address", f"iod_2019={place}") == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(Path("open_data") / "iod_2019_file_7.csv")
    assert f"iod_2019: address {place} in place of https://assets.publishing.service.gov.uk/" in told.err
    assert json.loads((tmp_path / "open_data" / "fetched.json").read_text())["iod_2019"]["address"] == place
    assert run(monkeypatch, "fetch") == 0
    assert "iod_2019: Indices" in (told := capsys.readouterr().out)
    assert "kept since" in told
