-- Money in: what credits cost, who paid for which, and every event that Stripe has sent.
-- Only functions write here. What Stripe says is kept for ever; what it meant for our books is payment_history.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table public.credit_packages (
  id text primary key check (id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
  title text not null check (char_length(title) between 1 and 100),
  credits bigint not null check (credits between 1 and 1000000000),
  bonus_credits bigint not null default 0 check (bonus_credits between 0 and 1000000000),
  amount_cents bigint not null check (amount_cents between 1 and 99999999),
  currency text not null check (currency ~ '^[a-z]{3}$'),
  active boolean not null default true,
  sort integer not null default 0,
  created_at timestamptz not null default now()
);
comment on table public.credit_packages is 'What can be bought. amount_cents: in the smallest unit of currency, before tax and discounts. A price change is a change of this row; payments keep what they were sold for.';

insert into public.credit_packages (id, title, credits, amount_cents, currency, sort) values
  ('credits-10', '10 credits', 10, 199, 'usd', 1),
  ('credits-50', '50 credits', 50, 799, 'usd', 2),
  ('credits-100', '100 credits', 100, 1499, 'usd', 3),
  ('credits-500', '500 credits', 500, 5999, 'usd', 4);

create sequence private.payment_tickets;

create table public.payments (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete set null,
  wallet_id uuid not null references public.wallets (id),
  kind text not null check (kind in ('checkout', 'auto_topup', 'subscription')),
  package_id text references public.credit_packages (id),
  status text not null default 'pending'
    check (status in ('pending', 'open', 'processing', 'paid', 'failed', 'expired', 'flagged')),
  credits bigint not null check (credits > 0),
  amount_cents bigint not null check (amount_cents >= 0),
  currency text not null check (currency ~ '^[a-z]{3}$'),
  charged_cents bigint check (charged_cents >= 0),
  refunded_cents bigint not null default 0 check (refunded_cents >= 0),
  disputed_cents bigint not null default 0 check (disputed_cents >= 0),
  granted_credits bigint not null default 0,
  clawed_credits bigint not null default 0,
  flag_reason text,
  checkout_session_id text,
  checkout_url text,
  payment_intent_id text,
  charge_id text,
  invoice_id text,
  receipt_url text,
  invoice_url text,
  applied_ticket bigint not null default 0,
  check_at timestamptz,
  idempotency_key text not null,
  request_digest bytea not null,
  created_at timestamptz not null,
  paid_at timestamptz,
  updated_at timestamptz not null,
  constraint payments_grant_what_they_sold check (granted_credits in (0, credits)),
  constraint payments_claw_what_they_gave check (clawed_credits between 0 and granted_credits)
) with (fillfactor = 70);
comment on table public.payments is 'One attempt to buy. credits: sold, bonus included. amount_cents: our price. charged_cents: what was really paid, with tax, less discounts. refunded_cents, disputed_cents: reversed and not reinstated, as of applied_ticket. clawed_credits: taken back for it. check_at: when the healer asks Stripe again (null: settled). user_id is null once the person is erased.';
create unique index payments_once_per_key on public.payments (wallet_id, idempotency_key);
create unique index payments_by_checkout_session on public.payments (checkout_session_id) where checkout_session_id is not null;
create unique index payments_by_payment_intent on public.payments (payment_intent_id) where payment_intent_id is not null;
create unique index payments_by_charge on public.payments (charge_id) where charge_id is not null;
create unique index payments_by_invoice on public.payments (invoice_id) where invoice_id is not null;
create index payments_by_user on public.payments (user_id, created_at, id);
create index payments_to_check on public.payments (check_at) where check_at is not null;
create index payments_flagged on public.payments (created_at) where status = 'flagged';

alter table public.credit_grants add constraint credit_grants_payment_id_fkey foreign key (payment_id) references public.payments (id);
create index credit_grants_by_payment on public.credit_grants (payment_id) where payment_id is not null;

create table private.payment_history (
  id bigint generated always as identity primary key,
  payment_id uuid not null references public.payments (id),
  event_id text,
  status text not null,
  refunded_cents bigint not null,
  disputed_cents bigint not null,
  transaction_id bigint references public.credit_transactions (id),
  note text,
  created_at timestamptz not null
);
comment on table private.payment_history is 'What became of a payment, step by step, and which event brought it. Append-only. event_id is null for what the healer or an admin found out.';
create index payment_history_by_payment on private.payment_history (payment_id, id);

create table private.stripe_customers (
  user_id uuid primary key references auth.users (id) on delete cascade,
  customer_id text not null unique,
  created_at timestamptz not null
);

create table private.stripe_events (
  id text primary key check (char_length(id) between 1 and 255),
  type text not null,
  object_type text,
  object_id text,
  payload jsonb not null,
  livemode boolean not null,
  source text not null check (source in ('webhook', 'poller')),
  received_at timestamptz not null,
  state text not null default 'received' check (state in ('received', 'handled', 'parked', 'ignored')),
  attempts integer not null default 0,
  next_attempt_at timestamptz,
  last_error text,
  handled_at timestamptz,
  check ((state = 'received') = (next_attempt_at is not null)),
  check ((state in ('handled', 'ignored')) = (handled_at is not null))
) with (fillfactor = 70);
comment on table private.stripe_events is 'Every event of Stripe, once by its id, for ever; only its state changes. ignored: nothing of ours. parked: failed too often, waits for an admin.';
create index stripe_events_due on private.stripe_events (next_attempt_at) where state = 'received';
create index stripe_events_parked on private.stripe_events (received_at, id) where state = 'parked';

create table private.stripe_cursor (
  singleton boolean primary key default true check (singleton),
  read_until timestamptz,
  moved_at timestamptz
);
comment on table private.stripe_cursor is 'One row: Stripe''s events made before read_until are all recorded. Only a complete run of the healer moves it.';
insert into private.stripe_cursor default values;

alter table public.credit_packages enable row level security;
alter table public.payments enable row level security;
alter table private.payment_history enable row level security;
alter table private.stripe_customers enable row level security;
alter table private.stripe_events enable row level security;
alter table private.stripe_cursor enable row level security;

revoke all on public.credit_packages, public.payments, private.payment_history, private.stripe_customers,
  private.stripe_events, private.stripe_cursor from public, anon, authenticated, service_role;
revoke all on sequence private.payment_tickets, private.payment_history_id_seq from public, anon, authenticated, service_role;
grant select on public.credit_packages to anon, authenticated, service_role;
grant select on public.payments to service_role;
grant select (id, user_id, kind, package_id, status, credits, amount_cents, currency, charged_cents, refunded_cents, disputed_cents,
  granted_credits, clawed_credits, receipt_url, invoice_url, created_at, paid_at) on public.payments to authenticated;

create policy "everyone reads the active packages" on public.credit_packages
  for select to anon, authenticated using (active);
create policy "owners read their payments" on public.payments
  for select to authenticated using (user_id = (select auth.uid()));
