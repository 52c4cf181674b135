"""Accounts as such: what the list of accounts tells of them."""

import json

from cfbilling.sandbox.data.accounts import Accounts
from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.template import WireRecord

__all__ = ["account_object"]


def account_object(identities: Identities, accounts: Accounts, index: int) -> WireRecord:
    """Return account number *index*, under the name that its records have."""
    bits = identities.digest("account object", index)
    id_, name, *_ = map(json.loads, accounts.account(index).texts)
    account: WireRecord = {
        "id": id_,
        "name": name,
        "type": "enterprise" if bits[0] % 4 == 0 else "standard",
        "settings": {"enforce_twofactor": bits[1] % 2 == 0, "abuse_contact_email": None},
        "created_on": f"20{bits[2] % 10 + 10}-03-01T12:21:{bits[3] % 60:02}.{bits[4]:06}Z",
    }
    if bits[5] % 4 == 0:
        del account["settings"]
    return account
