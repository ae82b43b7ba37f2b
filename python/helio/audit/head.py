"""Heads: the newest record that will stay, by number and hash, signed, to be kept elsewhere.

Above: `helio.cli`. Below: `recovery`, `segment`, `watermark`, `lock`. Reads the journal; makes the
signing key when there is none. Whoever can write to the journal can link it anew from any record
on, but not so that it agrees with a head that is out of reach.
"""

import base64
import binascii
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from helio.audit import recovery, segment, watermark
from helio.audit.directories import may_be_named, name_of
from helio.audit.lock import is_locked
from helio.audit.watermark import Mark
from helio.errors import HeadUnreadable, JournalDamaged, JournalUnavailable, SigningKeyUnusable

FORMAT: Final = 1
KEY_FILE: Final = "signing-key.pem"
"""The key's name in the audit's directory."""
_PURPOSE: Final = b"helio audit head\n"
"""What is signed begins with it, so that a signature is good for nothing else."""


@dataclass(frozen=True, slots=True)
class Head:
    """One journal's head, as its JSON has it.

    `journal` is `.`, or the name of the directory below the audit's; `seq` and `hash` are the
    record's; `at` is when the head was made. `public_key` (32 bytes) and `signature` are base64.
    """

    format: int
    journal: str
    node: str | None
    seq: int
    hash: str
    at: str
    public_key: str
    signature: str = ""

    @classmethod
    def sign(cls, journal: Path, directory: Path, key: Ed25519PrivateKey) -> Self:
        """The head of `journal`, which is `directory` or below it, as it is now.

        Raises `JournalDamaged`, `JournalUnavailable` when there is no record that will stay yet,
        and OSError.
        """
        mark = settled(journal)
        public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        name, node = name_of(journal, directory), _node(journal, mark.sequence)
        unsigned = cls(FORMAT, name, node, mark.sequence, mark.digest, now, public)
        signature = base64.b64encode(key.sign(unsigned.signed_bytes())).decode()
        return replace(unsigned, signature=signature)

    def signed_bytes(self) -> bytes:
        """What the signature is of: all other members, as JSON with sorted keys and no spaces."""
        members = {name: value for name, value in asdict(self).items() if name != "signature"}
        return _PURPOSE + json.dumps(members, sort_keys=True, separators=(",", ":")).encode()

    def text(self) -> str:
        """The head as one line of JSON."""
        return json.dumps(asdict(self))

    def is_authentic(self) -> bool:
        """Whether the signature is of this head, by the key that it names."""
        try:
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(self.public_key))
            public.verify(base64.b64decode(self.signature), self.signed_bytes())
        except (InvalidSignature, ValueError, binascii.Error):
            return False
        return True


def settled(journal: Path) -> Mark:
    """The newest record of a journal that will stay, and that the disk has.

    Raises as `Head.sign`.
    """
    if not is_locked(journal):
        found = recovery.recover(journal)
        if found.end is None:
            raise JournalUnavailable(f"there is no journal in {journal}")
        _put_on_disk(segment.path_of(journal, found.end.segment))
        if not is_locked(journal):
            return Mark(found.sequence, found.digest)
    mark = watermark.read(journal)
    if mark is None or not mark.sequence:
        raise JournalUnavailable(f"the journal in {journal} has not begun yet")
    _check_present(journal, mark)
    return mark


def _put_on_disk(path: Path) -> None:
    """A crash may have left lines with the kernel only."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _segment_of(journal: Path, sequence: int) -> int:
    present = [first for first in segment.segments(journal) if first <= sequence]
    if not present:
        raise JournalUnavailable(f"record {sequence} is not in {journal}")
    return present[-1]


def _check_present(journal: Path, mark: Mark) -> None:
    """The file must hold the record that its writer says it does."""
    first = _segment_of(journal, mark.sequence)
    name = segment.path_of(journal, first).name
    header = segment.read_header(journal, first)
    if header is None:
        raise JournalDamaged(name, 1, "not a whole line")
    for _, line in segment.lines(journal, header):
        if line.sequence == mark.sequence:
            if line.digest != mark.digest:
                break
            return
    what = f"record {mark.sequence} is not the one that its writer put on the disk"
    raise JournalDamaged(name, mark.sequence - first + 1, what)


def _node(journal: Path, sequence: int) -> str | None:
    header = segment.read_header(journal, _segment_of(journal, sequence))
    node = None if header is None else header.line.values().get("node")
    return None if node is None else str(node)


def read_heads(text: str) -> Iterator[Head]:
    """The heads in a file: one after the other, as `helio audit head` appends them.

    Raises `HeadUnreadable`.
    """
    decoder = json.JSONDecoder()
    rest = text.strip()
    number = 0
    while rest:
        number += 1
        try:
            members, end = decoder.raw_decode(rest)
        except json.JSONDecodeError as error:
            raise HeadUnreadable(f"head {number}: not JSON: {error.msg}") from error
        yield _head(members, number)
        rest = rest[end:].lstrip()
    if not number:
        raise HeadUnreadable("there is no head in it")


def _head(members: Any, number: int) -> Head:
    try:
        head = Head(**members)
    except TypeError as error:
        raise HeadUnreadable(f"head {number}: not what `helio audit head` prints") from error
    if head.format != FORMAT:
        raise HeadUnreadable(f"head {number}: format {head.format!r} is not known")
    texts = (head.journal, head.hash, head.at, head.public_key, head.signature)
    fit = type(head.seq) is int and all(isinstance(each, str) for each in texts)
    if not fit or not may_be_named(head.journal):
        raise HeadUnreadable(f"head {number}: not what `helio audit head` prints")
    return head


def signing_key(path: Path) -> Ed25519PrivateKey:
    """The key in this file, which is made when it is not there, readable by its owner only.

    Raises `SigningKeyUnusable`, and OSError.
    """
    with suppress(FileExistsError):
        _make(path)
    return _load(path)


def public_key(path: Path) -> str | None:
    """The public half of the key in this file, in base64; None when there is none.

    Raises `SigningKeyUnusable`, and OSError.
    """
    if not path.exists():
        return None
    return base64.b64encode(_load(path).public_key().public_bytes_raw()).decode()


def _load(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise SigningKeyUnusable(f"{path}: others may read it; `chmod 600` first")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise SigningKeyUnusable(f"{path}: not a private key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyUnusable(f"{path}: not an Ed25519 key")
    return key


def _make(path: Path) -> None:
    """Writes a new key, which appears under its name whole or not at all."""
    if path.exists():
        return
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)  # Of two that make one at once, the first one's stays.
    finally:
        partial.unlink()
