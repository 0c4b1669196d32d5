-- Gifts: credits that one user bought and gives to another, who may still have to sign up.
set lock_timeout = '4s';
set statement_timeout = '60s';

alter table private.settings
  add column gift_max_credits bigint not null default 100 check (gift_max_credits between 0 and 1000000000),
  add column gift_daily_credits bigint not null default 200 check (gift_daily_credits between 0 and 1000000000),
  add column gift_daily_count integer not null default 20 check (gift_daily_count between 0 and 1000000),
  add column gift_claim_days integer not null default 30 check (gift_claim_days between 1 and 365);
comment on column private.settings.gift_max_credits is 'The largest gift; 0 switches gifts off.';
comment on column private.settings.gift_daily_credits is 'How much one user gives within 24 hours.';
comment on column private.settings.gift_daily_count is 'How many gifts one user makes within 24 hours.';
comment on column private.settings.gift_claim_days is 'How long a gift waits for somebody to sign up with its e-mail address, before it goes back.';

create table private.gifts (
  id uuid primary key,
  wallet_id uuid not null references public.wallets (id),
  recipient_email text check (char_length(recipient_email) between 3 and 254),
  recipient_wallet_id uuid references public.wallets (id),
  credits bigint not null check (credits > 0),
  message text check (char_length(message) between 1 and 500),
  lots jsonb not null,
  state text not null default 'waiting' check (state in ('waiting', 'given', 'returned')),
  claim_until timestamptz not null,
  out_transaction_id bigint not null unique references public.credit_transactions (id),
  in_transaction_id bigint unique references public.credit_transactions (id),
  idempotency_key text not null,
  request_digest bytea not null,
  created_at timestamptz not null,
  ended_at timestamptz,
  unique (wallet_id, idempotency_key),
  constraint gifts_forget_the_address check ((state = 'waiting') = (recipient_email is not null)),
  constraint gifts_end_in_a_wallet check (
    (state = 'waiting') = (in_transaction_id is null) and (state = 'waiting') = (ended_at is null)
    and (state = 'given') = (recipient_wallet_id is not null)),
  constraint gifts_are_for_others check (recipient_wallet_id <> wallet_id)
);
comment on table private.gifts is 'Credits on their way from wallet_id to whoever has confirmed recipient_email (kept only while it waits). lots: what they were taken from, with expiry. Both ledger rows name the gift as their reason.';
create index gifts_by_giver on private.gifts (wallet_id, created_at);
create index gifts_by_recipient on private.gifts (recipient_wallet_id) where recipient_wallet_id is not null;
create index gifts_waiting on private.gifts (claim_until) where state = 'waiting';

alter table private.gifts enable row level security;
revoke all on private.gifts from public, anon, authenticated, service_role;
