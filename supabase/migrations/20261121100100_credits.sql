-- The books: wallets, lots, holds, and the ledger they must agree with.
-- Only functions write here. Clients read their own rows; not even service_role has insert, update or delete.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table public.wallets (
  id uuid primary key default gen_random_uuid(),
  user_id uuid unique references auth.users (id) on delete set null,
  balance bigint not null default 0,
  held bigint not null default 0 check (held >= 0),
  debt bigint not null default 0,
  low_balance_threshold bigint not null default 5 check (low_balance_threshold >= 0),
  ledger_head bytea not null default '',
  tidy_after timestamptz,
  created_at timestamptz not null default now(),
  -- An operation that takes more than is available must say so in the same statement.
  constraint wallets_debt_is_declared check (debt = greatest(0, held - balance))
) with (fillfactor = 70);
comment on table public.wallets is 'One per user; user_id is null once the person is erased. balance: sum of the ledger. held: credits in open holds. debt: how far balance is below held. tidy_after: no hold or lot of this wallet ends earlier (null: none ends).';

create table public.credit_grants (
  id uuid primary key default gen_random_uuid(),
  wallet_id uuid not null references public.wallets (id),
  source text not null check (source in ('purchase', 'subscription', 'promotion', 'signup', 'admin', 'gift', 'refund')),
  paid boolean not null generated always as (source in ('purchase', 'subscription')) stored,
  amount bigint not null check (amount > 0),
  remaining bigint not null check (remaining between 0 and amount),
  open boolean not null generated always as (remaining > 0) stored,
  expires_at timestamptz,
  payment_id uuid,
  reference text,
  created_at timestamptz not null
) with (fillfactor = 70);
comment on table public.credit_grants is 'A lot: credits that came in together. remaining: not yet spent, expired, or set aside by a hold.';
-- On `open`, not on `remaining`: a lot that is used in part then keeps its index entries.
create index credit_grants_open_by_wallet on public.credit_grants (wallet_id) where open;
create index credit_grants_open_by_expiry on public.credit_grants (expires_at) where open and expires_at is not null;

create table public.credit_reservations (
  id uuid primary key default gen_random_uuid(),
  wallet_id uuid not null references public.wallets (id),
  amount bigint not null check (amount > 0),
  confirmed_amount bigint check (confirmed_amount >= 0),
  absorbed_amount bigint not null default 0 check (absorbed_amount >= 0),
  status text not null default 'held' check (status in ('held', 'confirmed', 'released', 'expired')),
  lots jsonb not null,
  late_settle text not null default 'collect' check (late_settle in ('collect', 'debt', 'absorb')),
  expires_at timestamptz not null,
  reference text check (char_length(reference) <= 200),
  reason text,
  idempotency_key text not null,
  request_digest bytea not null,
  created_at timestamptz not null,
  settled_at timestamptz,
  unique (wallet_id, idempotency_key),
  check ((status = 'held') = (settled_at is null)),
  check ((status = 'confirmed') = (confirmed_amount is not null))
) with (fillfactor = 70);
comment on table public.credit_reservations is 'A hold: held -> confirmed | released | expired. lots: what it set aside, in burn order. absorbed_amount: work delivered that nobody paid for (late_settle decides).';
create index credit_reservations_held_by_wallet on public.credit_reservations (wallet_id) where status = 'held';
create index credit_reservations_held_by_expiry on public.credit_reservations (expires_at) where status = 'held';

create table public.credit_transactions (
  id bigint generated always as identity primary key,
  wallet_id uuid not null references public.wallets (id),
  kind text not null,
  amount bigint not null,
  balance_after bigint not null,
  absorbed bigint not null default 0 check (absorbed >= 0),
  contra text not null check (contra in (
    'purchases', 'subscriptions', 'promotions', 'usage', 'breakage', 'reversals', 'gifts', 'adjustments')),
  reservation_id uuid references public.credit_reservations (id),
  reverses_id bigint references public.credit_transactions (id),
  lots jsonb not null,
  actor text not null,
  reason text,
  idempotency_key text,
  request_digest bytea,
  prev_hash bytea not null,
  hash bytea not null,
  created_at timestamptz not null,
  check (amount <> 0 or absorbed > 0),
  constraint credit_transactions_kind_has_its_sign check (case
    when kind in ('grant', 'refund', 'reinstatement', 'gift_in') then amount > 0
    when kind in ('expiry', 'clawback', 'gift_out') then amount < 0
    when kind = 'usage' then amount <= 0
    else kind = 'adjustment'
  end)
);
comment on table public.credit_transactions is 'The ledger: append-only, one row per movement, chained per wallet by hash. amount: signed credits of the wallet; the contra account gets the opposite. lots: the lots touched, positive amounts.';
create index credit_transactions_by_wallet on public.credit_transactions (wallet_id, id);
create unique index credit_transactions_once_per_key on public.credit_transactions (wallet_id, idempotency_key)
  where idempotency_key is not null;
create unique index credit_transactions_one_usage_per_reservation on public.credit_transactions (reservation_id)
  where kind = 'usage';
create index credit_transactions_by_reversed on public.credit_transactions (reverses_id) where reverses_id is not null;

create table public.usage_logs (
  id bigint generated always as identity primary key,
  user_id uuid references auth.users (id) on delete set null,
  action text not null,
  credits bigint not null,
  reference text,
  metadata jsonb not null default '{}',
  created_at timestamptz not null
);
comment on table public.usage_logs is 'What credits were spent on, for charts; a refund is a negative row. The ledger, not this table, is the truth about money.';
create index usage_logs_by_user on public.usage_logs (user_id, created_at);

alter table public.wallets enable row level security;
alter table public.credit_grants enable row level security;
alter table public.credit_reservations enable row level security;
alter table public.credit_transactions enable row level security;
alter table public.usage_logs enable row level security;

revoke all on public.wallets, public.credit_grants, public.credit_reservations, public.credit_transactions, public.usage_logs
  from public, anon, authenticated, service_role;
revoke all on sequence public.credit_transactions_id_seq, public.usage_logs_id_seq
  from public, anon, authenticated, service_role;
grant select on public.wallets, public.credit_grants, public.credit_reservations, public.credit_transactions, public.usage_logs
  to authenticated, service_role;

create policy "owners read their wallet" on public.wallets
  for select to authenticated using (user_id = (select auth.uid()));
create policy "owners read their lots" on public.credit_grants
  for select to authenticated
  using (wallet_id = (select w.id from public.wallets w where w.user_id = (select auth.uid())));
create policy "owners read their holds" on public.credit_reservations
  for select to authenticated
  using (wallet_id = (select w.id from public.wallets w where w.user_id = (select auth.uid())));
create policy "owners read their ledger" on public.credit_transactions
  for select to authenticated
  using (wallet_id = (select w.id from public.wallets w where w.user_id = (select auth.uid())));
create policy "owners read their usage" on public.usage_logs
  for select to authenticated using (user_id = (select auth.uid()));
