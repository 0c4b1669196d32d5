-- Refunds that an admin asked for, so that one that a crash interrupted is sent again and never twice.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table private.payment_refunds (
  id uuid primary key default gen_random_uuid(),
  payment_id uuid not null references public.payments (id),
  amount_cents bigint not null check (amount_cents > 0),
  reason text not null check (char_length(reason) between 1 and 500),
  status text not null default 'requested' check (status in ('requested', 'sent', 'refused')),
  refund_id text unique,
  error text,
  actor uuid not null,
  idempotency_key text not null,
  request_digest bytea not null,
  check_at timestamptz,
  created_at timestamptz not null,
  unique (payment_id, idempotency_key),
  check ((status = 'requested') = (check_at is not null))
);
comment on table private.payment_refunds is 'Refunds that an admin asked for. The credits move when Stripe says that the money did. actor has no foreign key: the row outlives the admin.';
create index payment_refunds_to_check on private.payment_refunds (check_at) where status = 'requested';

alter table private.payment_refunds enable row level security;

revoke all on private.payment_refunds from public, anon, authenticated, service_role;
