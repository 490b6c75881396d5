"""An archive of a stranger writes nothing outside the folder it is unpacked into."""

import asyncio
import io
import tarfile

import pytest

from services.operation import archives
from shared.messages import Refused
from tests.faults.test_full_disk import fill, small_disk


def archive(path, member: tarfile.TarInfo):
    member.size = 3 if member.isreg() else 0
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(member, io.BytesIO(b"new") if member.isreg() else None)
    return path


def linked(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


@pytest.mark.parametrize("member", [tarfile.TarInfo("../outside"), tarfile.TarInfo("/tmp/outside"), linked("link", "/etc/passwd")], ids=lambda m: m.name)
def test_what_leaves_the_folder_or_points_elsewhere_is_refused(tmp_path, member):
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(Refused, match=r"neither a file nor a folder of this archive"):
        archives.unseal(archive(tmp_path / "strange.tar.gz", member), folder, "")
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "outside").exists()


def test_a_file_without_sums_is_told_to_be_no_backup(tmp_path):
    with pytest.raises(Refused, match=r"is no backup|không phải bản sao lưu"):
        archives.unseal(archive(tmp_path / "other.tar.gz", tarfile.TarInfo("notes.txt")), tmp_path / "folder", "")


def test_a_disk_that_is_full_is_no_fault_of_the_backup(tmp_path):
    with small_disk(tmp_path / "full") as folder:
        asyncio.run(fill(folder))
        with pytest.raises(OSError, match="No space left"):
            archives.unseal(archive(tmp_path / "sound.tar.gz", tarfile.TarInfo("notes.txt")), folder, "")
