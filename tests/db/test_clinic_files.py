"""Uploads and downloads: byte for byte, bounded, nothing left behind; sweeping up what no row knows."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psutil
import pytest
from running_clinic import Answer, form, together

if TYPE_CHECKING:
    from running_clinic import Clinic

PATH = "/api/prescriptions/{}/files"
LARGEST = 10 * 2**20
PDF = b"%PDF-1.7 "


def upload(clinic: Clinic, content: bytes, *details: str, prescription: int = 1, of: int = 1) -> Answer:
    body, headers = form(content, *details)
    return clinic.call("POST", PATH.format(prescription), body, token=clinic.token(of), headers=headers)


def download(clinic: Clinic, number: int, *, of: int = 1, **headers: str) -> Answer:
    return clinic.call("GET", f"/api/prescription-files/{number}", token=clinic.token(of), headers=headers)


def on_disk(clinic: Clinic) -> set[Path]:
    return {path for path in clinic.files.glob("**/*") if path.is_file()}


def rows(clinic: Clinic) -> int:
    found: int = clinic.database.value("SELECT count(*) FROM prescription_files")
    return found


def random_pdf(size: int) -> bytes:
    return PDF + os.urandom(size - len(PDF))


@pytest.mark.parametrize("size", [len(PDF), 10_000, 2**20 + 1, LARGEST])
def test_a_file_comes_back_byte_for_byte_with_its_metadata_in_the_database(own_clinic: Clinic, size: int) -> None:
    content = random_pdf(size) if size > len(PDF) else PDF
    answer = upload(own_clinic, content)
    assert (answer.status, answer.body["size_bytes"], answer.body["sha256"]) == (201, size, hashlib.sha256(content).hexdigest())
    kept = own_clinic.database.run(f"SELECT * FROM prescription_files WHERE id = {answer.body['id']}")[0]
    assert (kept["clinic_id"], kept["prescription_id"], kept["name"], kept["size_bytes"]) == (1, 1, "scan.pdf", size)
    assert bytes(kept["sha256"]) == hashlib.sha256(content).digest()
    found = download(own_clinic, answer.body["id"])
    assert (found.status, found.headers["content-type"], found.body == content) == (200, "application/pdf", True)
    assert answer.body["id"] in [file["id"] for file in own_clinic.get("/api/prescriptions/1").body["files"]]


@pytest.mark.parametrize(
    ("content", "content_type"), [(b"\xff\xd8\xff\xe0", "image/jpeg"), (b"\x89PNG\r\n\x1a\n\0", "image/png"), (PDF, "application/pdf")]
)
def test_pdf_jpeg_and_png_are_taken(own_clinic: Clinic, content: bytes, content_type: str) -> None:
    answer = upload(own_clinic, content, content_type)
    assert answer.status == 201
    assert download(own_clinic, answer.body["id"]).headers["content-type"] == content_type


@pytest.mark.parametrize(
    ("content", "content_type"), [(b"GIF89a", "image/gif"), (b"<html>", "application/pdf"), (PDF, "image/png"), (PDF, "")]
)
def test_what_is_something_else_or_pretends_is_a_415(own_clinic: Clinic, content: bytes, content_type: str) -> None:
    before = on_disk(own_clinic), rows(own_clinic)
    assert upload(own_clinic, content, content_type).status == 415
    assert (on_disk(own_clinic), rows(own_clinic)) == before


@pytest.mark.parametrize("size", [LARGEST + 1, LARGEST + 2 * 2**20])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_that_is_too_large_is_a_413_with_and_without_a_length(own_clinic: Clinic, size: int, chunked: bool) -> None:
    before = on_disk(own_clinic), rows(own_clinic)
    body, headers = form(random_pdf(size))
    chunks = (body[start : start + 65536] for start in range(0, len(body), 65536))
    answer = own_clinic.call("POST", PATH.format(1), chunks if chunked else body, token=own_clinic.token(1), headers=headers)
    assert answer.status == 413
    assert (on_disk(own_clinic), rows(own_clinic)) == before


@pytest.mark.parametrize(
    ("path", "content_type"), [(PATH.format(1), "multipart/form-data; boundary=limit"), ("/api/checkout", "application/json")]
)
def test_a_body_without_an_end_is_a_413_while_it_still_comes(own_clinic: Clinic, path: str, content_type: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {own_clinic.token(1)}\r\ntransfer-encoding: chunked\r\n"
    beginning = form(PDF)[0][:-13]
    with socket.create_connection(("127.0.0.1", own_clinic.port), timeout=20) as connection:
        connection.sendall(f"{head}content-type: {content_type}\r\n\r\n{len(beginning):x}\r\n".encode() + beginning + b"\r\n")
        for _ in range(LARGEST // 2**16 + 8):
            connection.sendall(b"10000\r\n" + bytes(2**16) + b"\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_upload_without_a_length_comes_back(own_clinic: Clinic) -> None:
    content = random_pdf(300_000)
    body, headers = form(content)
    chunks = (body[start : start + 1000] for start in range(0, len(body), 1000))
    answer = own_clinic.call("POST", PATH.format(1), chunks, token=own_clinic.token(1), headers=headers)
    assert download(own_clinic, answer.body["id"]).body == content


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (form(b"")[0], "multipart/form-data; boundary=limit", 422),
        (form(PDF, field="other")[0], "multipart/form-data; boundary=limit", 422),
        (form(PDF)[0].replace(b'; filename="scan.pdf"', b""), "multipart/form-data; boundary=limit", 422),
        (b"--limit--\r\n", "multipart/form-data; boundary=limit", 422),
        (b"{}", "application/json", 422),
        (b"file=%25PDF-", "application/x-www-form-urlencoded", 422),
        (form(PDF)[0], "multipart/form-data", 400),
        (form(PDF)[0], "multipart/form-data; boundary=", 400),
        (form(PDF)[0], "multipart/form-data; boundary=other", 400),
        (form(PDF)[0], f"multipart/form-data; boundary={'x' * 500}", 400),
        (form(PDF)[0][:-12], "multipart/form-data; boundary=limit", 422),
        (form(PDF, name="x" * 10_000)[0], "multipart/form-data; boundary=limit", 400),
        (form(PDF)[0].replace(b"--limit--", b"--limit") + form(PDF)[0][7:], "multipart/form-data; boundary=limit", 400),
        (b"nonsense", "multipart/form-data; boundary=limit", 400),
        (b"", "multipart/form-data; boundary=limit", 422),
    ],
)
def test_a_form_that_makes_no_sense_is_refused_with_a_reason(own_clinic: Clinic, body: bytes, content_type: str, status: int) -> None:
    before = on_disk(own_clinic), rows(own_clinic)
    answer = own_clinic.call("POST", PATH.format(1), body, token=own_clinic.token(1), headers={"content-type": content_type})
    assert (answer.status, bool(answer.body["error"])) == (status, True)
    assert (on_disk(own_clinic), rows(own_clinic)) == before


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", "file"),
        ("", "file"),
        ("Röntgen ñandú 猫.pdf", "Röntgen ñandú 猫.pdf"),
        ("a\0b\x7f\u202e.pdf", "ab.pdf"),
        ("x" * 2000 + ".pdf", "x" * 255),
        ("a;b=c'%41.pdf", "a;b=c'%41.pdf"),
    ],
)
def test_odd_names_are_harmless_and_come_back_in_the_download(own_clinic: Clinic, given: str, kept: str) -> None:
    answer = upload(own_clinic, PDF, "application/pdf", given)
    assert (answer.status, answer.body["name"]) == (201, kept)
    disposition = download(own_clinic, answer.body["id"]).headers["content-disposition"]
    assert disposition in (f'attachment; filename="{kept}"', f"attachment; filename*=utf-8''{quote(kept)}")
    assert all(path.parent == own_clinic.files / "1" and len(path.name) == 64 for path in on_disk(own_clinic))


def test_two_clinics_with_the_same_bytes_have_a_file_each(own_clinic: Clinic) -> None:
    content = random_pdf(5000)
    first, second = upload(own_clinic, content), upload(own_clinic, content, prescription=61, of=2)
    assert [download(own_clinic, first.body["id"]).body, download(own_clinic, second.body["id"], of=2).body] == [content] * 2
    (own_clinic.files / "1" / first.body["sha256"]).unlink()
    assert download(own_clinic, first.body["id"]).status == 404
    assert download(own_clinic, second.body["id"], of=2).body == content
    (own_clinic.files / "2" / second.body["sha256"]).unlink()


def test_a_foreign_clinic_gets_a_404(own_clinic: Clinic) -> None:
    before = on_disk(own_clinic), rows(own_clinic)
    own = upload(own_clinic, random_pdf(500)).body["id"]
    assert download(own_clinic, own, of=2).status == 404
    assert own_clinic.get("/api/prescriptions/1", clinic=2).status == 404
    assert upload(own_clinic, PDF, prescription=61).status == 404
    assert upload(own_clinic, PDF, prescription=99999).status == 404
    assert (len(on_disk(own_clinic)), rows(own_clinic)) == (len(before[0]) + 1, before[1] + 1)


def test_the_same_file_at_once_from_many_is_whole_for_each(own_clinic: Clinic) -> None:
    content = random_pdf(3 * 2**20)
    answers = together(partial(upload, own_clinic, content) for _ in range(8))
    assert {download(own_clinic, answer.body["id"]).body for answer in answers} == {content}


@pytest.mark.parametrize(
    ("wanted", "status", "length"), [("bytes=0-4", 206, 5), ("bytes=-9", 206, 9), ("bytes=99999-", 416, 0), ("bytes=x", 400, None)]
)
def test_a_part_of_a_file_can_be_had(own_clinic: Clinic, wanted: str, status: int, length: int | None) -> None:
    number = upload(own_clinic, random_pdf(1000)).body["id"]
    found = download(own_clinic, number, range=wanted)
    assert found.status == status
    assert length is None or len(found.body) == length


def open_files(pid: int) -> int:
    return len([path for path in psutil.Process(pid).open_files() if "/files/" in path.path or "/tmp/#" in path.path])


def test_a_broken_off_upload_leaves_nothing(own_clinic: Clinic) -> None:
    before = on_disk(own_clinic), rows(own_clinic)
    body, headers = form(random_pdf(5 * 2**20))
    head = f"POST {PATH.format(1)} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {own_clinic.token(1)}\r\ncontent-length: {len(body)}\r\n"
    for share in (0, 100, 2**20, 4 * 2**20, len(body) - 10):
        with socket.create_connection(("127.0.0.1", own_clinic.port)) as connection:
            connection.sendall(f"{head}content-type: {headers['content-type']}\r\n\r\n".encode() + body[:share])
    until(lambda: figure(own_clinic, "clinic_requests_in_flight") == 1 and open_files(own_clinic.pid) == 0)
    assert (on_disk(own_clinic), rows(own_clinic)) == before
    assert figure(own_clinic, 'clinic_requests_total{route="POST /api/prescriptions/{id}/files",status="499"}') >= 4


def figure(clinic: Clinic, name: str) -> float:
    lines = clinic.call("GET", "/metrics").body.decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_disk_that_takes_nothing_is_a_503_that_leaves_nothing_and_health_tells_it(own_clinic: Clinic) -> None:
    before, aside = rows(own_clinic), own_clinic.folder / "aside"
    upload(own_clinic, PDF)
    own_clinic.files.rename(aside)
    own_clinic.files.write_bytes(b"no folder")
    try:
        answer = upload(own_clinic, PDF)
        assert (answer.status, answer.body["error"]) == (503, "the file cannot be kept: Not a directory")
        health = own_clinic.get("/api/health")
        assert (health.status, health.body["dependencies"]) == (503, {"database": "ok", "files": "unavailable", "invoicing": "none"})
    finally:
        own_clinic.files.unlink()
        aside.rename(own_clinic.files)
    assert rows(own_clinic) == before + 1


def test_memory_does_not_grow_with_the_uploads(own_clinic: Clinic) -> None:
    content = random_pdf(LARGEST)
    upload(own_clinic, content)
    before = peak_memory(own_clinic.pid)
    for _ in range(3):
        answers = together(partial(upload, own_clinic, content) for _ in range(6))
        assert {answer.status for answer in answers} == {201}
    assert peak_memory(own_clinic.pid) - before < 30 * 2**20


def peak_memory(pid: int) -> int:
    """In bytes, from Linux; elsewhere what is resident now."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    found: int = psutil.Process(pid).memory_info().rss
    return found


def sweep(clinic: Clinic, *options: str) -> str:
    env = {**os.environ, "CLINIC_FILES": str(clinic.files)}
    command = [sys.executable, "-m", "tenantry_clinic", "sweep", "--dsn", clinic.database.dsn, *options]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30, env=env).stdout


def test_sweep_removes_what_no_row_of_its_clinic_knows_and_is_old_enough(own_clinic: Clinic) -> None:
    kept = upload(own_clinic, random_pdf(700))
    other = upload(own_clinic, random_pdf(800), prescription=61, of=2)
    lost = [random_pdf(900), random_pdf(1000)]
    for content in lost:
        own_clinic.database.run(f"DELETE FROM prescription_files WHERE id = {upload(own_clinic, content).body['id']}", "SELECT 1")
    # The bytes of clinic 2's row, in the folder of clinic 1.
    stray = own_clinic.files / "1" / other.body["sha256"]
    stray.write_bytes(b"x" * 10)
    remains = own_clinic.files / "2" / ".arriving-x"
    remains.write_bytes(b"x" * 5)
    before = on_disk(own_clinic)
    expected = {own_clinic.files / "1" / hashlib.sha256(content).hexdigest() for content in lost} | {stray, remains}
    assert sweep(own_clinic).startswith("to remove (with --yes): 0 files")
    assert on_disk(own_clinic) == before
    os.utime(stray, (0, 0))
    assert sweep(own_clinic).startswith("to remove (with --yes): 1 files, 10 bytes")
    assert on_disk(own_clinic) == before
    assert sweep(own_clinic, "--age", "0", "--yes").startswith("removed: ")
    assert before - on_disk(own_clinic) >= expected
    known = {(row["clinic_id"], row["sha"]) for row in own_clinic.database.run(KNOWN)}
    assert {(int(path.parent.name), path.name) for path in on_disk(own_clinic)} <= known
    assert download(own_clinic, kept.body["id"]).status == download(own_clinic, other.body["id"], of=2).status == 200


KNOWN = "SELECT clinic_id, encode(sha256, 'hex') AS sha FROM prescription_files"


def test_the_answer_to_an_upload_is_what_the_prescription_lists(own_clinic: Clinic) -> None:
    answer = upload(own_clinic, random_pdf(600))
    listed = next(file for file in own_clinic.get("/api/prescriptions/1").body["files"] if file["id"] == answer.body["id"])
    assert listed.items() <= answer.body.items()
