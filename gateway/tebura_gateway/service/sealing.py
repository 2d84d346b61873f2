"""A template is sealed under a key of two halves: the phone's, and the shop's.

The phone keeps 32 random bytes and lends them for an entry; the shop keeps 32 others beside the
database, never in it, so that they are in no backup. The key is made of both (HKDF-SHA256), the
seal is AES-256-GCM, and whose it is, where and of which network is bound into it. Either half gone,
nothing opens it any more.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tebura_contract.codec import decode, encode
from tebura_contract.faces import FaceTemplate
from tebura_contract.ids import MemberId, StoreId

HALF_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class CannotOpen(ValueError):
    """These two halves do not open this; it says nothing about what is in it."""


def seal(
    template: FaceTemplate, store: StoreId, member: MemberId, phone: bytes, shop: bytes
) -> bytes:
    """Nonce and ciphertext."""
    nonce = os.urandom(_NONCE_BYTES)
    about = _about(store, member, template.network)
    return nonce + AESGCM(_key(phone, shop, about)).encrypt(nonce, encode(template), about)


def open_sealed(
    sealed: bytes, network: str, store: StoreId, member: MemberId, phone: bytes, shop: bytes
) -> FaceTemplate:
    """The template again.

    Raises:
        CannotOpen: If a half is wrong, or it is somebody else's, or was changed.
    """
    about = _about(store, member, network)
    nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        plain = AESGCM(_key(phone, shop, about)).decrypt(nonce, text, about)
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("the halves do not fit") from error
    return decode(plain, FaceTemplate)


def _about(store: StoreId, member: MemberId, network: str) -> bytes:
    return f"tebura face 1\n{store}\n{member}\n{network}".encode()


def _key(phone: bytes, shop: bytes, about: bytes) -> bytes:
    if len(phone) != HALF_BYTES or len(shop) != HALF_BYTES:
        raise CannotOpen(f"each half has {HALF_BYTES} bytes")
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=about).derive(phone + shop)
