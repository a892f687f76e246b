"""Imports go the way the house says."""

from tests.house.contracts import broken_contracts


def test_every_import_contract_is_kept() -> None:
    assert broken_contracts() == ""
