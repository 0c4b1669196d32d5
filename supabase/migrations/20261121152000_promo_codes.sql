-- Promo codes: credits for whoever knows a word, within caps. Only functions read and write here: a list of codes is money.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table private.promo_codes (
  code text primary key check (code ~ '^[A-Z0-9][A-Z0-9_-]{2,39}$'),
  version integer not null check (version > 0),
  uses bigint not null default 0 check (uses >= 0),
  created_at timestamptz not null
) with (fillfactor = 70);
comment on table private.promo_codes is 'A code, in capitals. version: the one that counts now. uses: redemptions of all versions; changed under this row''s lock.';

create table private.promo_code_versions (
  code text not null references private.promo_codes (code),
  version integer not null,
  credits bigint not null check (credits between 1 and 1000000000),
  credits_last_days integer check (credits_last_days between 1 and 3650),
  valid_from timestamptz,
  valid_until timestamptz,
  max_uses bigint check (max_uses > 0),
  max_uses_per_user integer not null check (max_uses_per_user > 0),
  active boolean not null,
  created_by uuid not null,
  created_at timestamptz not null,
  primary key (code, version),
  constraint promo_code_versions_end_after_they_begin check (valid_from < valid_until)
);
comment on table private.promo_code_versions is 'What a code gives, never changed: a change is a new version. credits_last_days: life of the credits (null: they do not expire). Null bounds and caps: none.';

create table private.promo_redemptions (
  id uuid primary key default gen_random_uuid(),
  code text not null,
  version integer not null,
  wallet_id uuid not null references public.wallets (id),
  transaction_id bigint not null references public.credit_transactions (id),
  idempotency_key text not null,
  request_digest bytea not null,
  created_at timestamptz not null,
  unique (wallet_id, idempotency_key),
  foreign key (code, version) references private.promo_code_versions (code, version)
);
comment on table private.promo_redemptions is 'Who redeemed which version, and the ledger row it became. The version''s credits are those of that row.';
create index promo_redemptions_by_wallet_and_code on private.promo_redemptions (wallet_id, code);

alter table private.promo_codes enable row level security;
alter table private.promo_code_versions enable row level security;
alter table private.promo_redemptions enable row level security;

revoke all on private.promo_codes, private.promo_code_versions, private.promo_redemptions
  from public, anon, authenticated, service_role;
