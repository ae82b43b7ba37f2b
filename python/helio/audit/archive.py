"""The archive: sealed days as Parquet files, with a manifest beside each.

Above: `sealing` writes and removes, `reach` and `export` read. Below: `manifest`, fsspec. Does I/O,
of a disk or a network, so never on the event loop. A Parquet file counts from when its manifest is
there; nothing appears under its name before it is whole.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Final

import fsspec  # type: ignore[import-untyped]

from helio.audit.manifest import Manifest, chain_faults, check_chain, node_at
from helio.audit.node import node_of
from helio.audit.segment import segments
from helio.errors import ArchiveDamaged, ArchiveUnavailable

MARK: Final = "helio-archive.json"
"""Stands in the archive since its first part; without it a place is not one that lost its files."""

_PIECE = 1024 * 1024


class Archive:
    """The archive at `location`: a directory, or a URL that fsspec knows.

    Every method raises `ArchiveUnavailable` when the place cannot be reached or asked, and
    `ArchiveDamaged` when what is there is not what was written.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        with _reaching(location):
            self._files, root = fsspec.core.url_to_fs(location)
        self._root = root.rstrip("/")
        self._local = _is_local(self._files)
        self._known: dict[str, Manifest] = {}

    @property
    def file_system(self) -> Any:
        """What DuckDB must be given to read `url`s; None for files of this machine."""
        return None if self._local else self._files

    def url(self, place: str) -> str:
        """Where DuckDB finds what is at this place."""
        path = self._path(place)
        return path if self._local else str(self._files.unstrip_protocol(path))

    def parts(self, directory: Path) -> list[Manifest]:
        """What the journal in `directory` has here. A place where its first days should be, and
        where nothing ever was, cannot be the right one."""
        present = segments(directory)
        node = node_of(directory)
        found = [] if node is None else self.manifests(node)
        if not found and present and present[0] > 1 and not self.began():
            raise ArchiveUnavailable(
                f"there is no archive at {self.location}, "
                f"where the first days of {directory} were sealed"
            )
        return found

    def manifests(self, node: str) -> list[Manifest]:
        """The node's parts, oldest first, the chain between them checked."""
        with _reaching(self.location):
            self._files.invalidate_cache()
            found = [place for place in self._places() if node_at(place) == node]
            known = {place: self._known.get(place) or self._manifest(place) for place in found}
        self._known = known
        manifests = sorted(known.values(), key=lambda manifest: manifest.first_seq)
        check_chain(manifests)
        return manifests

    def examined(self, node: str) -> tuple[list[Manifest], list[ArchiveDamaged]]:
        """The node's parts that can be read, oldest first, and everything that is wrong with them:
        each manifest, the chain between them, and each file is looked at."""
        found: list[Manifest] = []
        faults: list[ArchiveDamaged] = []
        with _reaching(self.location):
            self._files.invalidate_cache()
            places = sorted(place for place in self._places() if node_at(place) == node)
        for place in places:
            try:
                with _reaching(self.location):
                    manifest = self._manifest(place)
                found.append(manifest)
                self.check(manifest)
            except ArchiveDamaged as fault:
                faults.append(fault)
        found.sort(key=lambda manifest: manifest.first_seq)
        return found, [*faults, *chain_faults(found)]

    def began(self) -> bool:
        """Whether anything was ever put here."""
        with _reaching(self.location):
            return bool(self._files.exists(self._path(MARK)))

    def put(self, rows: Path, manifest: Manifest) -> None:
        """Keeps a part: the file `rows`, read back and compared, and then its manifest."""
        with _reaching(self.location):
            self._files.makedirs(self._parent(manifest.rows_place), exist_ok=True)
            if not self._files.exists(self._path(MARK)):
                self._put(b'{"format": 1}\n', MARK)
            self._put(rows, manifest.rows_place)
        self.check(manifest)
        with _reaching(self.location):
            self._put(manifest.text(), manifest.place)
            kept = self._files.cat_file(self._path(manifest.place))
        if kept != manifest.text():
            raise ArchiveDamaged(manifest.place, "it reads back as something else")

    def check(self, manifest: Manifest) -> None:
        """Reads the part's Parquet file and compares it with what the manifest says."""
        digest, size = hashlib.sha256(), 0
        with _reaching(self.location):
            if not self._files.exists(self._path(manifest.rows_place)):
                raise ArchiveDamaged(manifest.rows_place, "the file is missing")
            with self._files.open(self._path(manifest.rows_place), "rb") as file:
                while piece := file.read(_PIECE):
                    digest.update(piece)
                    size += len(piece)
        if (size, digest.hexdigest()) != (manifest.size, manifest.sha256):
            raise ArchiveDamaged(manifest.rows_place, "it is not the file that was sealed")

    def remove(self, manifest: Manifest) -> None:
        """Deletes a part, its manifest first, so that it stops counting at once."""
        with _reaching(self.location):
            for place in (manifest.place, manifest.rows_place):
                if self._files.exists(self._path(place)):
                    self._files.rm_file(self._path(place))
            self._known.pop(manifest.place, None)
            self._remove_empty(self._parent(manifest.place))

    def remove_left(self, node: str, over: Callable[[str], bool]) -> None:
        """Deletes what this node left behind when it died on its way: files that were not whole,
        and rows without a manifest of a day whose time is `over`."""
        with _reaching(self.location):
            places = set(self._places())
            for place in sorted(places):
                date, _, rest = place.removeprefix("date=").partition(f"/node={node}/")
                manifest = place.removesuffix(".parquet") + ".json"
                if rest.endswith(".partial") or (
                    rest.endswith(".parquet") and manifest not in places and over(date)
                ):
                    self._files.rm_file(self._path(place))

    def _places(self) -> list[str]:
        paths = self._files.find(self._root)
        return [path.removeprefix(self._root).lstrip("/") for path in paths]

    def _manifest(self, place: str) -> Manifest:
        return Manifest.parse(place, self._files.cat_file(self._path(place)))

    def _put(self, content: Path | bytes, place: str) -> None:
        """Whole or not at all, under the name of `place`."""
        path = self._path(place)
        partial = f"{path}.partial"
        if isinstance(content, bytes):
            self._files.pipe_file(partial, content)
        else:
            self._files.put_file(str(content), partial)
        if self._local:
            _publish(Path(partial), Path(path))
        elif type(self._files).mv is not fsspec.AbstractFileSystem.mv:
            self._files.mv(partial, path)
        else:  # Its `mv` would take these names for patterns.
            self._files.cp_file(partial, path)
            self._files.rm_file(partial)

    def _remove_empty(self, folder: str) -> None:
        """A day's folders go with their last file; object stores have none."""
        for path in (folder, str(PurePosixPath(folder).parent)):
            if not self._local or any(Path(path).iterdir()):
                return
            Path(path).rmdir()

    def _parent(self, place: str) -> str:
        return str(PurePosixPath(self._path(place)).parent)

    def _path(self, place: str) -> str:
        return f"{self._root}/{place}"


def _is_local(files: Any) -> bool:
    protocols = files.protocol if isinstance(files.protocol, tuple) else (files.protocol,)
    return "file" in protocols


def _publish(partial: Path, path: Path) -> None:
    """The file is on the disk, and then has its name, which is on the disk, too."""
    partial.chmod(0o600)
    _synced(partial)
    partial.replace(path)
    for folder in path.parents[:3]:
        _synced(folder)


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _reaching(location: str) -> Iterator[None]:
    """What file systems of all kinds raise, as one exception that names the place."""
    try:
        yield
    except (ArchiveDamaged, ArchiveUnavailable):
        raise
    except Exception as error:  # Each kind of object store brings exceptions of its own.
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ArchiveUnavailable(f"the archive {location} cannot be used: {why}") from error
