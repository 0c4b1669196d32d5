// What an app does with the official supabase-js, step by step; prints what it saw as one JSON object.
import { createRequire } from "node:module";

// Node before 22 has no WebSocket of its own, and the client wants to see one even where realtime is never used.
globalThis.WebSocket ??= class {};
const { createClient } = createRequire(`${process.env.MODULES}/`)("@supabase/supabase-js");
const { URL: url, PUBLISHABLE: publishable, SECRET: secret, EMAIL: email } = process.env;
const apart = { auth: { persistSession: false, autoRefreshToken: false } };
const seen = {};

const app = createClient(url, publishable, apart);
const admin = createClient(url, secret, apart);

// Auth
const up = await app.auth.signUp({ email, password: "correct horse", options: { data: { name: "Ann" } } });
seen.signUp = [up.error, up.data.user.email, up.data.user.user_metadata.name, up.data.session.token_type];
const again = await createClient(url, publishable, apart).auth.signUp({ email, password: "correct horse" });
seen.signUpAgain = [again.error.status, again.error.code];
const weak = await createClient(url, publishable, apart).auth.signUp({ email: "weak@example.com", password: "1" });
seen.weak = [weak.error.name, weak.error.reasons];
const wrong = await createClient(url, publishable, apart).auth.signInWithPassword({ email, password: "wrong" });
seen.wrongPassword = [wrong.error.status, wrong.error.code];
const signedIn = await app.auth.signInWithPassword({ email, password: "correct horse" });
seen.signIn = signedIn.error;
const claims = await app.auth.getClaims();
seen.claims = [claims.error, claims.data.claims.role, claims.data.header.alg];
const refreshed = await app.auth.refreshSession();
seen.refreshed = [refreshed.error, refreshed.data.session.refresh_token !== signedIn.data.session.refresh_token];
const changed = await app.auth.updateUser({ data: { city: "Bath" } });
seen.updateUser = [changed.error, changed.data.user.user_metadata.city];
seen.getUser = (await app.auth.getUser()).data.user.email;
const listed = await admin.auth.admin.listUsers();
seen.listUsers = [listed.error, listed.data.users.some((user) => user.email === email)];
seen.notAdmin = (await app.auth.admin.listUsers()).error.code;
const created = await admin.auth.admin.createUser({ email: `made-${email}`, password: "made by admin", email_confirm: true });
seen.deleteUser = (await admin.auth.admin.deleteUser(created.data.user.id)).error;
const link = await admin.auth.admin.generateLink({ type: "magiclink", email });
const other = createClient(url, publishable, apart);
const otp = await other.auth.verifyOtp({ token_hash: link.data.properties.hashed_token, type: "magiclink" });
seen.verifyOtp = [otp.error, otp.data.user.email];

// Tables under row level security
const inserted = await app.from("notes").insert([{ body: "one" }, { body: "two" }]).select("body");
seen.insert = [inserted.error, inserted.status, inserted.data];
const rows = await app.from("notes").select("id, body", { count: "exact" }).order("id").range(0, 0);
seen.select = [rows.error, rows.count, rows.data.map((row) => row.body)];
seen.filtered = (await app.from("notes").select("body").or("body.eq.two,stars.gt.5").in("stars", [1, 2])).data;
seen.single = (await app.from("notes").select("body").eq("body", "one").single()).data;
seen.singleError = (await app.from("notes").select("body").single()).error;
seen.maybeSingle = (await app.from("notes").select("body").eq("body", "none").maybeSingle()).data;
const first = rows.data[0].id;
seen.upsert = (await app.from("notes").upsert({ id: first, body: "merged" }).select("body").single()).data;
seen.update = (await app.from("notes").update({ stars: 5 }).eq("id", first).select("stars")).data;
seen.head = (await app.from("notes").select("*", { count: "exact", head: true })).count;
seen.delete = [(await app.from("notes").delete().eq("id", first)).status];
const stranger = createClient(url, publishable, apart);
seen.anonymous = [(await stranger.from("notes").select()).status, (await stranger.from("notes").select()).error.code];
seen.noSchema = (await app.schema("hidden").from("notes").select()).error.code;

// Functions
seen.rpc = (await app.rpc("add", { a: 1, b: 2 })).data;
seen.rpcGet = (await app.rpc("add", { a: 1, b: 2 }, { get: true })).data;
const refused = await app.rpc("refuse");
seen.rpcError = [refused.status, { ...refused.error }];
seen.rpcUnknown = (await app.rpc("nothing_like_it", { a: 1 })).error.code;

// Storage
const { data: { user } } = await app.auth.getUser();
const bucket = app.storage.from("images");
const path = `${user.id}/a picture.txt`;
seen.createBucket = (await admin.storage.createBucket("images", { public: false })).error;
const uploaded = await bucket.upload(path, Buffer.from("hello"), { contentType: "text/plain" });
seen.upload = [uploaded.error, uploaded.data.path === path];
seen.uploadTwice = (await bucket.upload(path, Buffer.from("hello"))).error.statusCode;
seen.uploadBlob = (await bucket.upload(`${user.id}/blob.txt`, new Blob(["blob"], { type: "text/plain" }))).error;
seen.denied = (await bucket.upload("elsewhere/x.txt", Buffer.from("x"))).error.statusCode;
seen.download = await (await bucket.download(path)).data.text();
const signed = await bucket.createSignedUrl(path, 60);
seen.signedUrl = await (await fetch(signed.data.signedUrl)).text();
const many = await bucket.createSignedUrls([path, "none"], 60);
seen.signedUrls = many.data.map((item) => [item.error, Boolean(item.signedUrl)]);
const ticket = await bucket.createSignedUploadUrl(`${user.id}/later.txt`);
seen.signedUpload = (await stranger.storage.from("images").uploadToSignedUrl(ticket.data.path, ticket.data.token, Buffer.from("later"))).error;
seen.exists = [(await bucket.exists(path)).data, (await bucket.exists("none")).data];
seen.info = [(await bucket.info(path)).data.size, (await bucket.info(path)).data.contentType];
seen.list = (await bucket.list(user.id)).data.map((file) => file.name);
seen.move = (await bucket.move(path, `${user.id}/moved.txt`)).error;
seen.copy = (await bucket.copy(`${user.id}/moved.txt`, `${user.id}/copied.txt`)).error;
seen.remove = (await bucket.remove([`${user.id}/moved.txt`])).data.map((file) => file.name === `${user.id}/moved.txt`);

seen.signOut = (await app.auth.signOut()).error;
seen.afterSignOut = (await app.auth.getUser(refreshed.data.session.access_token)).error.name;
console.log(JSON.stringify(seen));
