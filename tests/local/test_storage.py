"""The local Storage: uploads, downloads, signed URLs, lists and changes, each under the policies of storage.objects."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import pytest

from scripts.local.supabase import Keys
from tests.local.running import Person, Running, running

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
POLICIES = """
create policy "own folder: read" on storage.objects for select to authenticated
  using (bucket_id = 'images' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "own folder: add" on storage.objects for insert to authenticated
  with check (bucket_id = 'images' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "own folder: change" on storage.objects for update to authenticated
  using (bucket_id = 'images' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "own folder: remove" on storage.objects for delete to authenticated
  using (bucket_id = 'images' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "drop box: add only" on storage.objects for insert to authenticated with check (bucket_id = 'dropbox');
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def stack(bare_database: str, keys: Keys, folder: Path) -> Iterator[Running]:
    with running(bare_database, folder, keys, file_size_limit=100_000) as running_stack:
        running_stack.sql(POLICIES)
        for name, options in (("images", {}), ("dropbox", {}), ("open", {"public": True})):
            made = running_stack.service("POST", "/storage/v1/bucket", json={"id": name, "name": name, **options})
            assert made.json() == {"name": name}
        yield running_stack


@pytest.fixture
def user(stack: Running) -> Person:
    return stack.sign_up()


def upload(stack: Running, path: str, *, data: bytes = PNG, method: str = "POST", **kwargs: Any) -> httpx.Response:
    headers = {"Content-Type": "image/png", "Cache-Control": "max-age=60", **kwargs.pop("headers", {})}
    return stack.call(method, f"/storage/v1/object/{path}", content=data, headers=headers, **kwargs)


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    body = response.json()
    assert set(body) == {"statusCode", "error", "message", "code"}
    return response.status_code, body["statusCode"], body["code"]


def stored(folder: Path) -> int:
    return len(list(folder.iterdir()))


DENIED = (400, "403", "AccessDenied")
NOT_FOUND = (400, "404", "NoSuchKey")


def test_an_upload_comes_back_as_it_was(stack: Running, user: Person) -> None:
    path = f"images/{user.id}/a folder/it's 50% (1).png".replace("%", "$")
    saved = upload(stack, quote(path), token=user.token)
    assert (saved.status_code, saved.json()["Key"], bool(saved.json()["Id"])) == (200, path, True)
    for kind in ("", "authenticated/"):
        back = stack.call("GET", f"/storage/v1/object/{kind}{quote(path)}", token=user.token)
        assert (back.status_code, back.content, back.headers["content-type"]) == (200, PNG, "image/png")
        assert back.headers["cache-control"] == "max-age=60"
        assert back.headers["etag"] == f'"{hashlib.md5(PNG).hexdigest()}"'
        assert back.headers["content-length"] == str(len(PNG))
    row = stack.sql(
        "select owner_id, metadata ->> 'size', version from storage.objects where id = %s", saved.json()["Id"]
    )
    assert row[0][:2] == (user.id, str(len(PNG)))


def test_a_form_uploads_too(stack: Running, user: Person) -> None:
    for field in ("file", ""):
        path = f"images/{user.id}/{field or 'blob'}.txt"
        answer = stack.call(
            "POST",
            f"/storage/v1/object/{path}",
            token=user.token,
            data={"cacheControl": "7200", "metadata": json.dumps({"why": "test"})},
            files={field: ("blob", b"hello", "text/plain")},
        )
        assert answer.status_code == 200, answer.text
        info = stack.call("GET", f"/storage/v1/object/info/{path}", token=user.token).json()
        assert (info["size"], info["content_type"], info["cache_control"]) == (5, "text/plain", "max-age=7200")
        assert info["metadata"] == {"why": "test"}


def test_metadata_of_a_raw_upload_comes_in_a_header(stack: Running, user: Person) -> None:
    path = f"images/{user.id}/with.png"
    header = base64.b64encode(json.dumps({"a": 1}).encode()).decode()
    upload(stack, path, token=user.token, headers={"x-metadata": header})
    assert stack.call("GET", f"/storage/v1/object/info/{path}", token=user.token).json()["metadata"] == {"a": 1}


def test_an_upload_never_overwrites_unless_told_to(stack: Running, user: Person, folder: Path) -> None:
    path = f"images/{user.id}/a.png"
    upload(stack, path, token=user.token)
    files = stored(folder)
    assert refusal(upload(stack, path, token=user.token)) == (400, "409", "KeyAlreadyExists")
    assert stored(folder) == files
    assert upload(stack, path, data=b"two", token=user.token, headers={"x-upsert": "true"}).status_code == 200
    assert stack.call("GET", f"/storage/v1/object/{path}", token=user.token).content == b"two"
    assert upload(stack, path, data=b"three", method="PUT", token=user.token).status_code == 200
    assert stack.call("GET", f"/storage/v1/object/{path}", token=user.token).content == b"three"
    assert stored(folder) == files
    assert upload(stack, f"images/{user.id}/new.png", method="PUT", token=user.token).status_code == 200


def test_overwriting_in_parallel_leaves_one_whole_file(stack: Running, user: Person, folder: Path) -> None:
    path = f"images/{user.id}/busy.png"
    upload(stack, path, token=user.token)
    before = stored(folder)
    bodies = [bytes([n]) * 50_000 for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda data: upload(stack, path, data=data, method="PUT", token=user.token), bodies))
    assert {answer.status_code for answer in answers} == {200}
    assert stack.call("GET", f"/storage/v1/object/{path}", token=user.token).content in bodies
    assert stored(folder) == before


def test_policies_decide_for_every_verb(stack: Running, user: Person, folder: Path) -> None:
    path, stranger = f"images/{user.id}/mine.png", stack.sign_up()
    upload(stack, path, token=user.token)
    files = stored(folder)
    for token in (stranger.token, None):
        assert refusal(upload(stack, f"images/{user.id}/theirs.png", token=token)) == DENIED
        assert refusal(stack.call("GET", f"/storage/v1/object/{path}", token=token)) == NOT_FOUND
        assert (
            refusal(stack.call("POST", f"/storage/v1/object/sign/{path}", token=token, json={"expiresIn": 60}))
            == NOT_FOUND
        )
        assert stack.call("POST", "/storage/v1/object/list/images", token=token, json={"prefix": user.id}).json() == []
        removal = {"prefixes": [f"{user.id}/mine.png"]}
        assert stack.call("DELETE", "/storage/v1/object/images", token=token, json=removal).json() == []
        move = {"bucketId": "images", "sourceKey": f"{user.id}/mine.png", "destinationKey": "x.png"}
        assert refusal(stack.call("POST", "/storage/v1/object/move", token=token, json=move)) == NOT_FOUND
    assert refusal(upload(stack, path, method="PUT", token=stranger.token)) == DENIED
    assert stored(folder) == files
    assert stack.service("GET", f"/storage/v1/object/{path}").content == PNG


def test_adding_needs_no_right_to_read(stack: Running, user: Person) -> None:
    path = f"dropbox/{uuid.uuid4()}.png"
    assert upload(stack, path, token=user.token).json()["Key"] == path
    assert refusal(stack.call("GET", f"/storage/v1/object/{path}", token=user.token)) == NOT_FOUND


def test_a_bad_token_or_none_is_refused(stack: Running, user: Person) -> None:
    assert refusal(upload(stack, "images/x.png", token="nonsense")) == DENIED
    bare = stack.http.get(f"/storage/v1/object/images/{user.id}/x.png", headers={"apikey": stack.keys.publishable_key})
    assert bare.json()["message"] == "headers must have required property 'authorization'"


def test_signed_urls_open_one_object_until_they_expire(stack: Running, user: Person) -> None:
    path = f"images/{user.id}/a b.png"
    upload(stack, quote(path), token=user.token)
    signed = stack.call("POST", f"/storage/v1/object/sign/{quote(path)}", token=user.token, json={"expiresIn": "60"})
    url = signed.json()["signedURL"]
    assert url.startswith(f"/object/sign/{path}?token=")
    opened = stack.http.get(f"/storage/v1{url}&download=other.png")
    assert (opened.content, opened.headers["content-disposition"]) == (PNG, "attachment; filename=other.png")
    token = url.partition("token=")[2]
    claims = jwt.decode(token, stack.keys.jwt_secret, algorithms=["HS256"])
    assert (claims["url"], claims["exp"] - claims["iat"]) == (path, 60)
    upload(stack, f"images/{user.id}/other.png", token=user.token)
    wrong = stack.http.get(f"/storage/v1/object/sign/images/{user.id}/other.png?token={token}")
    assert refusal(wrong) == (400, "400", "InvalidSignature")


def test_signed_urls_that_are_none(stack: Running, user: Person) -> None:
    path = f"images/{user.id}/a.png"
    upload(stack, path, token=user.token)

    def opened(token: str) -> tuple[int, str, str]:
        return refusal(stack.http.get(f"/storage/v1/object/sign/{path}?token={token}"))

    old = {"url": path, "exp": int(time.time()) - 1}
    assert opened(jwt.encode(old, stack.keys.jwt_secret)) == (400, "400", "InvalidJWT")
    assert opened(jwt.encode({"url": path}, stack.keys.jwt_secret)) == (400, "400", "InvalidJWT")
    fresh = {"url": path, "exp": int(time.time()) + 60}
    assert opened(jwt.encode(fresh, "a secret of somebody else, long enough")) == (400, "400", "InvalidJWT")
    assert opened("") == (400, "400", "InvalidJWT")
    assert opened(stack.keys.service_role_key) == (400, "400", "InvalidSignature")
    for seconds in (0, "soon", None):
        refused = stack.call("POST", f"/storage/v1/object/sign/{path}", token=user.token, json={"expiresIn": seconds})
        assert refusal(refused) == (400, "400", "InvalidRequest")


def test_many_urls_are_signed_at_once(stack: Running, user: Person) -> None:
    upload(stack, f"images/{user.id}/a.png", token=user.token)
    paths = [f"{user.id}/a.png", f"{user.id}/none.png"]
    body = {"expiresIn": 60, "paths": paths}
    known, unknown = stack.call("POST", "/storage/v1/object/sign/images", token=user.token, json=body).json()
    assert (known["error"], known["path"], stack.http.get(f"/storage/v1{known['signedURL']}").content) == (
        None,
        paths[0],
        PNG,
    )
    assert (unknown["signedURL"], unknown["error"]) == (
        None, "Either the object does not exist or you do not have access to it",
    )  # fmt: skip


def test_a_signed_upload_url_lets_somebody_else_upload_once(stack: Running, user: Person) -> None:
    path = f"images/{user.id}/later.png"
    assert refusal(stack.call("POST", f"/storage/v1/object/upload/sign/{path}", json={})) == DENIED
    url = stack.call("POST", f"/storage/v1/object/upload/sign/{path}", token=user.token, json={}).json()["url"]
    assert stack.sql("select count(*) from storage.objects where name like %s", f"{user.id}/%") == [(0,)]
    put = stack.http.put(f"/storage/v1{url}", content=PNG, headers={"Content-Type": "image/png"})
    assert (put.status_code, put.json()["Key"]) == (200, path)
    assert stack.call("GET", f"/storage/v1/object/{path}", token=user.token).content == PNG
    assert refusal(stack.http.put(f"/storage/v1{url}", content=PNG)) == (400, "409", "KeyAlreadyExists")
    assert stack.sql("select owner_id from storage.objects where name = %s", f"{user.id}/later.png") == [(user.id,)]


def test_names_are_never_paths_on_this_machine(stack: Running, folder: Path) -> None:
    outside = folder.parent / "escaped.png"
    for name in ("../escaped.png", "a/../../escaped.png", "%2e%2e/escaped.png", "..%2f..%2fescaped.png"):
        answer = stack.http.request(
            "POST",
            httpx.URL(stack.url + "/storage/v1/object/open/" + name.replace("../", "%2e%2e%2f")),
            content=PNG,
            headers={"apikey": stack.keys.secret_key, "Authorization": f"Bearer {stack.keys.secret_key}"},
        )
        assert answer.status_code in (200, 400)
    assert not outside.exists()
    assert all(uuid.UUID(path.name) for path in folder.iterdir())
    for name in ("caf%C3%A9.png", "a%00b.png", "a%5Cb.png", "x" * 1025):
        assert refusal(upload(stack, f"open/{name}", key=stack.keys.secret_key)) == (400, "400", "InvalidKey")


def test_buckets_limit_size_and_type(stack: Running, user: Person, folder: Path) -> None:
    body = {"name": "small", "file_size_limit": "1KB", "allowed_mime_types": ["image/*", "text/plain"]}
    stack.service("POST", "/storage/v1/bucket", json=body)
    files = stored(folder)

    def put(data: bytes, mime_type: str) -> httpx.Response:
        return upload(stack, "small/x", data=data, key=stack.keys.secret_key, headers={"Content-Type": mime_type})

    assert refusal(put(b"x" * 1001, "image/png")) == (400, "413", "EntityTooLarge")
    assert refusal(put(b"x", "application/pdf")) == (400, "415", "InvalidMimeType")
    assert stored(folder) == files
    assert put(b"x" * 1000, "text/plain; charset=utf-8").status_code == 200
    too_large_for_all = upload(stack, "open/big", data=b"x" * 100_001, key=stack.keys.secret_key)
    assert refusal(too_large_for_all) == (400, "413", "EntityTooLarge")
    assert refusal(upload(stack, "nowhere/x", token=user.token)) == (400, "404", "NoSuchBucket")


def test_public_buckets_need_no_key_and_others_do(stack: Running, user: Person) -> None:
    upload(stack, "open/logo.png", key=stack.keys.secret_key, headers={"x-upsert": "true"})
    assert stack.http.get("/storage/v1/object/public/open/logo.png").content == PNG
    assert stack.http.get("/storage/v1/object/info/public/open/logo.png").json()["size"] == len(PNG)
    part = stack.http.get("/storage/v1/object/public/open/logo.png", headers={"Range": "bytes=0-7"})
    assert (part.status_code, part.content) == (206, PNG[:8])
    head = stack.http.head("/storage/v1/object/public/open/logo.png")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(PNG)))
    etag = {"If-None-Match": head.headers["etag"]}
    assert stack.http.get("/storage/v1/object/public/open/logo.png", headers=etag).status_code == 304
    upload(stack, f"images/{user.id}/a.png", token=user.token)
    hidden = stack.http.get(f"/storage/v1/object/public/images/{user.id}/a.png")
    assert refusal(hidden) == (400, "404", "NoSuchBucket")


def test_a_folder_is_listed(stack: Running, user: Person) -> None:
    for name in ("b.png", "a.png", "sub/c.png", "sub/d.png", "subway.png"):
        upload(stack, f"images/{user.id}/{name}", token=user.token)

    def names(**body: Any) -> list[str]:
        answer = stack.call(
            "POST", "/storage/v1/object/list/images", token=user.token, json={"prefix": user.id, **body}
        )
        return [row["name"] for row in answer.json()]

    assert names() == ["sub", "a.png", "b.png", "subway.png"]
    assert names(sortBy={"column": "name", "order": "desc"}) == ["sub", "subway.png", "b.png", "a.png"]
    assert names(limit=2, offset=1) == ["a.png", "b.png"]
    assert names(search="sub") == ["sub", "subway.png"]
    assert names(prefix=f"{user.id}/sub/") == ["c.png", "d.png"]
    rows = stack.call("POST", "/storage/v1/object/list/images", token=user.token, json={"prefix": user.id}).json()
    assert rows[0] == {
        "name": "sub", "id": None, "updated_at": None, "created_at": None, "last_accessed_at": None, "metadata": None,
    }  # fmt: skip
    assert rows[1]["metadata"]["mimetype"] == "image/png"
    bad = {"prefix": "", "sortBy": {"column": "name; drop table", "order": "asc"}}
    assert (
        refusal(stack.call("POST", "/storage/v1/object/list/images", token=user.token, json=bad))[2] == "InvalidRequest"
    )
    assert stack.call("POST", "/storage/v1/object/list/nowhere", token=user.token, json={"prefix": ""}).json() == []


def test_objects_are_removed_moved_and_copied(stack: Running, user: Person, folder: Path) -> None:
    upload(stack, f"images/{user.id}/a.png", token=user.token)
    files = stored(folder)

    def change(verb: str, source: str, target: str) -> httpx.Response:
        body = {"bucketId": "images", "sourceKey": f"{user.id}/{source}", "destinationKey": target}
        return stack.call("POST", f"/storage/v1/object/{verb}", token=user.token, json=body)

    assert change("copy", "a.png", f"{user.id}/b.png").json()["Key"] == f"images/{user.id}/b.png"
    assert change("move", "a.png", f"{user.id}/c.png").json()["message"] == "Successfully moved"
    assert refusal(change("copy", "b.png", f"{user.id}/c.png")) == (400, "409", "KeyAlreadyExists")
    assert refusal(change("copy", "b.png", "elsewhere/c.png")) == DENIED
    assert refusal(change("move", "b.png", "elsewhere/c.png")) == DENIED
    assert stored(folder) == files + 1
    assert stack.call("GET", f"/storage/v1/object/images/{user.id}/c.png", token=user.token).content == PNG
    removal = {"prefixes": [f"{user.id}/b.png", f"{user.id}/c.png", f"{user.id}/none.png"]}
    gone = stack.call("DELETE", "/storage/v1/object/images", token=user.token, json=removal).json()
    assert sorted(row["name"] for row in gone) == [f"{user.id}/b.png", f"{user.id}/c.png"]
    assert stored(folder) == files - 1
    assert refusal(stack.call("DELETE", f"/storage/v1/object/images/{user.id}/b.png", token=user.token)) == NOT_FOUND


def test_buckets_are_made_changed_emptied_and_deleted(stack: Running, user: Person) -> None:
    name = f"bucket-{uuid.uuid4().hex[:8]}"

    def bucket(method: str, path: str = "", **kwargs: Any) -> httpx.Response:
        return stack.service(method, f"/storage/v1/bucket{path}", **kwargs)

    assert bucket("POST", json={"name": name}).json() == {"name": name}
    assert refusal(bucket("POST", json={"name": name}))[1] == "409"
    assert refusal(bucket("POST", json={"name": "no/slash"}))[2] == "InvalidBucketName"
    assert (
        bucket("PUT", f"/{name}", json={"public": True, "file_size_limit": 10}).json()["message"]
        == "Successfully updated"
    )
    found = bucket("GET", f"/{name}").json()
    assert (found["public"], found["file_size_limit"], found["allowed_mime_types"]) == (True, 10, None)
    assert name in [row["id"] for row in bucket("GET").json()]
    upload(stack, f"{name}/x", data=b"x", key=stack.keys.secret_key)
    assert refusal(bucket("DELETE", f"/{name}")) == (400, "409", "InvalidRequest")
    assert refusal(stack.call("POST", f"/storage/v1/bucket/{name}/empty", token=user.token))[1] in ("403", "404")
    assert bucket("POST", f"/{name}/empty").json()["message"] == "Successfully emptied"
    assert bucket("DELETE", f"/{name}").json()["message"] == "Successfully deleted"
    assert refusal(bucket("GET", f"/{name}")) == (400, "404", "NoSuchBucket")
    assert refusal(stack.call("POST", "/storage/v1/bucket", token=user.token, json={"name": "mine"})) == DENIED


def test_what_is_not_here_says_so(stack: Running) -> None:
    for path in ("render/image/authenticated/images/a.png", "upload/resumable", "s3/images"):
        answer = stack.service("POST", f"/storage/v1/{path}", json={})
        assert answer.status_code == 501
        assert answer.json()["message"].endswith("not in the local stack")
    assert refusal(stack.service("GET", "/storage/v1/nothing")) == (400, "404", "NotFound")
