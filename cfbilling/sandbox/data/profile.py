"""Billing profiles: the invented people who pay."""

from decimal import Decimal

from cfbilling.sandbox.data.catalogue import CITIES, FIRST_NAMES, LAST_NAMES
from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.template import WireRecord

__all__ = ["billing_profile"]

_TEST_CARDS = ("4242424242424242", "5555555555554444", "378282246310005")


def billing_profile(identities: Identities, index: int) -> WireRecord:
    """Return the billing profile of account number *index*, every field filled."""
    bits = identities.digest("profile", index, size=32)
    first, last = FIRST_NAMES[bits[0] % len(FIRST_NAMES)], LAST_NAMES[bits[1] % len(LAST_NAMES)]
    city, state, country = CITIES[bits[2] % len(CITIES)]
    street = f"{bits[3] + 1} Straße № {bits[4]}"
    zipcode = f"{int.from_bytes(bits[5:8], 'big') % 100_000:05}"
    email = f"billing{index}@example.com"
    # The vendor sends any number of digits here, from none to nine.
    digits = str(10**9 + int.from_bytes(bits[8:12], "big"))[1 : 1 + bits[12] % 10]
    moment = f"T{bits[13] % 24:02}:{bits[14] % 60:02}:{bits[15] % 60:02}"
    created_on = f"{2010 + bits[16] % 14}-03-0{bits[17] % 9 + 1}{moment}{'.' if digits else ''}"
    return {
        "id": bits[16:].hex(),
        "account_type": ("type", "enterprise", "pay-as-you-go")[bits[18] % 3],
        "address": street,
        "address2": f"Apt. {bits[19]}",
        "balance": f"{int.from_bytes(bits[20:22], 'big') % 1000}.{bits[22] % 100:02}",
        "card_expiry_month": Decimal(bits[23] % 12 + 1),
        "card_expiry_year": Decimal(2090 + bits[24] % 10),
        "card_number": _TEST_CARDS[bits[25] % len(_TEST_CARDS)],
        "city": city,
        "company": f"{last} & {first} {index}",
        "country": country,
        "created_on": f"{created_on}{digits}Z",
        "device_data": '{"device_session_id":"}]"}',
        "edited_on": f"2024-02-29{moment}Z",
        "enterprise_billing_email": f"invoices+{email}",
        "enterprise_primary_email": f"primary+{email}",
        "first_name": first,
        "is_partner": bits[26] % 2 == 0,
        "last_name": last,
        "next_bill_date": f"2099-0{bits[27] % 9 + 1}-01T00:00:00Z",
        "payment_address": street,
        "payment_address2": "",
        "payment_city": city,
        "payment_country": country,
        "payment_email": email,
        "payment_first_name": first,
        "payment_gateway": ("stripe", "paypal")[bits[28] % 2],
        "payment_last_name": last,
        "payment_nonce": bits[:8].hex(),
        "payment_state": state,
        "payment_zipcode": zipcode,
        "primary_email": email,
        "state": state,
        "tax_id_type": "vat",
        "telephone": f"+1 555 01{bits[29] % 100:02}",
        "use_legacy": bits[30] % 2 == 0,
        "validation_code": bits[8:10].hex(),
        "vat": f"GB{int.from_bytes(bits[10:14], 'big') % 10**9:09}",
        "zipcode": zipcode,
    }
