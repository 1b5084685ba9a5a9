# Uses the client that openapi-generator has written for Python: makes a key, lifts a restriction of it, reads it back.
import os

import openapi_client as keyward

settings = keyward.Configuration(host=os.environ["KEYWARD"], api_key={"ApiKey": os.environ["KEY"]})
with keyward.ApiClient(settings) as client:
    keys = keyward.KeysApi(client)
    made = keys.create_key(
        keyward.NewKey(
            name="made by Python",
            owner=os.environ["OWNER"],
            sites=keyward.Sites(only=["123"]),
            addresses=keyward.Addresses(only=["192.0.2.0/24"]),
            limit=keyward.Limit(per_minute=60),
            expires_at=keyward.Expiry(at="2099-12-31T00:00:00Z"),
        )
    )
    assert made.secret.startswith("kw_"), made
    renamed = keys.update_key(made.id, keyward.KeyChange(name="renamed"))
    assert renamed.addresses.only == ["192.0.2.0/24"] and renamed.limit.per_minute == 60, renamed
    opened = keys.update_key(made.id, keyward.KeyChange(addresses=keyward.Addresses(any=True)))
    read = keys.get_key(made.id)
    assert read == opened, (read, opened)
    assert read.addresses.any is True and read.addresses.only is None, read
    assert read.sites.only == ["123"] and read.expires_at.at.year == 2099, read
    again = keys.update_key(made.id, keyward.KeyChange(sites=read.sites, addresses=read.addresses, limit=read.limit))
    assert again == read, (again, read)
    found, cursor = [], None
    while True:
        page = keys.list_keys(limit=1, cursor=cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    assert made.id in [key.id for key in found], found
print("done")
