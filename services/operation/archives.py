"""An archive file: everything in one tar.gz with SHA256SUMS, signed. It can be checked without the program: `sha256sum -c SHA256SUMS`."""

import base64
import gzip
import hashlib
import os
import shutil
import tarfile
import zlib
from datetime import timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from services.excuses import is_full
from services.registration import keys
from shared.messages import Refused
from shared.security import SigningKey, wall_now
from shared.settings import Settings

SUMS, SIGNATURE, PUBLIC = "SHA256SUMS", "SHA256SUMS.sig", "signer.pem"
PIECE = 1 << 16


def seal(folder: Path, file: Path, key: SigningKey) -> None:
    """Pack `folder` into `file`, which appears only once it is whole and on the disk, and is for its owner alone to read."""
    sums = "".join(f"{_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in sorted(folder.rglob("*")) if path.is_file())
    (folder / SUMS).write_text(sums, encoding="utf-8")
    (folder / SIGNATURE).write_bytes(base64.b64encode(key.sign(sums.encode())))
    (folder / PUBLIC).write_text(key.public_pem, encoding="ascii")
    unfinished = file.with_name(f".{file.name}.part")
    try:
        unfinished.touch(mode=0o600)
        with tarfile.open(unfinished, "w:gz", compresslevel=1) as tar:
            tar.add(folder, arcname=".")
        _sync(unfinished)
        unfinished.rename(file)
        _sync(file.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """After a power cut a name may be there and what it names not."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def key_there(settings: Settings) -> SigningKey:
    """The installation's key. Raises `Refused` where there is none: who only looks must not make one."""
    if not (settings.signing_key or keys.path_of(settings).exists()):
        raise Refused.because("chưa có khóa ký: hãy đặt THIDUA_SIGNING_KEY_FILE (deploy/init tạo khóa này); không đặt thì registration tự tạo khi khởi động.")
    return keys.signing_key(settings)


def unseal(file: Path, folder: Path, public_pem: str) -> None:
    """Unpack `file` and check every sum and the signature. Raises `Refused` that names what is wrong."""
    try:
        with gzip.open(file) as packed, tarfile.open(fileobj=packed) as tar:
            _unpack(tar, folder)
            while packed.read(PIECE):  # its own sum is at the very end, and holds what lies between files as well
                pass
        if not (folder / SUMS).is_file():
            raise Refused.because("Tệp {file} không phải bản sao lưu: hãy chọn tệp do thidua backup tạo.", file=file)
        sums = (folder / SUMS).read_text(encoding="utf-8")
        signature = base64.b64decode((folder / SIGNATURE).read_bytes())
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError) as error:
        if is_full(error):  # where it is unpacked to, and no fault of the file
            raise
        raise Refused.because("Không đọc được tệp sao lưu {file} ({reason}): hãy dùng bản khác.", file=file, reason=str(error)) from None
    key = load_pem_public_key(public_pem.encode())
    try:
        assert isinstance(key, Ed25519PublicKey)
        key.verify(signature, sums.encode())
    except InvalidSignature:
        raise Refused.because(
            "Chữ ký của {file} không phải của khóa này: hãy đặt THIDUA_SIGNING_KEY_FILE của nơi đã sao lưu, hoặc tệp đã bị sửa.", file=file
        ) from None
    _compare(folder, sums)


def sweep(folder: Path, prefix: str, older: timedelta = timedelta(0)) -> None:
    """Remove what a process that was killed left half-way in `folder`, untouched for so long."""
    for path in folder.glob(f"{prefix}*"):
        if wall_now().timestamp() - path.stat().st_mtime >= older.total_seconds():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Files and folders alone, and nothing outside `folder`. Python's own filters came with 3.11.4, which Debian 12 does not have."""
    for member in tar:
        path = folder / member.name
        if not path.resolve().is_relative_to(folder.resolve()) or not (member.isreg() or member.isdir()):
            raise tarfile.ExtractError(f"{member.name}: neither a file nor a folder of this archive")
        if content := tar.extractfile(member):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(content, file)


def _compare(folder: Path, sums: str) -> None:
    wanted = {name: digest for digest, _, name in (line.partition("  ") for line in sums.splitlines())}
    for name, digest in wanted.items():
        if not (folder / name).is_file() or _digest(folder / name) != digest:
            raise Refused.because("Tệp {name} trong bản sao lưu đã hỏng: hãy dùng bản khác.", name=name)
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    if strange := present - set(wanted) - {SUMS, SIGNATURE, PUBLIC}:
        raise Refused.because("Tệp {name} trong bản sao lưu không có trong danh sách kiểm tra: hãy dùng bản khác.", name=min(strange))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
