-- What repeats: plans, subscriptions to them, and topping up by itself.
-- A subscription's paid invoice is a payment like any other, so that refunds, disputes and history need nothing of their own.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table public.plans (
  id text primary key check (id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
  title text not null check (char_length(title) between 1 and 100),
  credits bigint not null check (credits between 1 and 1000000000),
  period text not null check (period in ('month', 'year')),
  amount_cents bigint not null check (amount_cents between 1 and 99999999),
  currency text not null check (currency ~ '^[a-z]{3}$'),
  rollover text not null default 'none' check (rollover in ('none', 'capped', 'months')),
  rollover_cap bigint check (rollover_cap > 0),
  rollover_months integer check (rollover_months between 1 and 36),
  grace_days integer not null default 3 check (grace_days between 0 and 60),
  active boolean not null default true,
  sort integer not null default 0,
  created_at timestamptz not null default now(),
  check ((rollover = 'capped') = (rollover_cap is not null)),
  check ((rollover = 'months') = (rollover_months is not null)),
  -- A renewal is paid some time after the period's end; by then credits that could have rolled over must still be there.
  constraint plans_roll_over_within_grace check (rollover <> 'capped' or grace_days >= 1)
);
comment on table public.plans is 'What can be subscribed to: credits for each paid period. Credits outlive their period by grace_days; capped: at renewal at most rollover_cap unused credits go on; months: they live so much longer. A change of price or credits is for new subscribers; rollover and grace are for all, from the next period on.';

insert into public.plans (id, title, credits, period, amount_cents, currency, rollover, rollover_cap, rollover_months, grace_days, sort) values
  ('starter-monthly', 'Starter', 100, 'month', 999, 'usd', 'none', null, null, 3, 1),
  ('pro-monthly', 'Pro', 500, 'month', 3999, 'usd', 'capped', 250, null, 14, 2),
  ('pro-yearly', 'Pro, by the year', 6000, 'year', 39900, 'usd', 'months', null, 3, 14, 3);

create table private.plan_prices (
  id uuid primary key default gen_random_uuid(),
  plan_id text not null references public.plans (id),
  credits bigint not null,
  period text not null,
  amount_cents bigint not null,
  currency text not null,
  stripe_price_id text unique,
  created_at timestamptz not null,
  unique (plan_id, credits, period, amount_cents, currency)
);
comment on table private.plan_prices is 'Each version of what a plan gave for how much, with its Price at Stripe. Never changed: what was sold under it stays what it was.';

create table public.subscriptions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete set null,
  wallet_id uuid not null references public.wallets (id),
  stripe_subscription_id text not null unique,
  plan_id text references public.plans (id),
  status text not null,
  current_period_start timestamptz,
  current_period_end timestamptz,
  cancel_at_period_end boolean not null default false,
  ended_at timestamptz,
  applied_ticket bigint not null default 0,
  check_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
) with (fillfactor = 70);
comment on table public.subscriptions is 'A subscription as Stripe has it, as of applied_ticket. status: in Stripe''s words. plan_id: what the next invoice is for; the payments tell what was paid for. check_at: when the healer asks Stripe again (null: ended).';
create index subscriptions_by_user on public.subscriptions (user_id, created_at);
create index subscriptions_to_check on public.subscriptions (check_at) where check_at is not null;

alter table public.payments
  add column plan_id text references public.plans (id),
  add column subscription_id uuid references public.subscriptions (id),
  add column period_start timestamptz,
  add column period_end timestamptz,
  add column whole_period boolean not null default false,
  add column payment_method_id text,
  drop constraint payments_credits_check,
  add constraint payments_credits_check check (credits > 0 or (kind = 'subscription' and credits = 0));
comment on column public.payments.whole_period is 'The invoice is for a period as a whole, not for a change within one.';
create unique index payments_one_per_period on public.payments (subscription_id, period_start, period_end)
  where whole_period and granted_credits > 0;
create index payments_by_subscription on public.payments (subscription_id, period_end) where subscription_id is not null;
grant select (plan_id, subscription_id, period_start, period_end) on public.payments to authenticated;

create table public.auto_topups (
  wallet_id uuid primary key references public.wallets (id),
  user_id uuid not null unique references auth.users (id) on delete cascade,
  enabled boolean not null,
  threshold bigint not null check (threshold between 1 and 1000000000),
  package_id text not null references public.credit_packages (id),
  monthly_cap_cents bigint not null check (monthly_cap_cents between 1 and 99999999),
  declines integer not null default 0,
  stopped_reason text,
  due_at timestamptz,
  not_before timestamptz,
  updated_at timestamptz not null
) with (fillfactor = 70);
comment on table public.auto_topups is 'Who wants credits bought by themselves. due_at: since when available is below threshold (null: it is not). not_before: no attempt earlier, after one was made or declined. declines: in a row.';
create index auto_topups_due on public.auto_topups (due_at) where due_at is not null and enabled;
create unique index payments_one_open_topup on public.payments (wallet_id)
  where kind = 'auto_topup' and status in ('pending', 'open', 'processing');
create index payments_topups on public.payments (wallet_id, created_at) where kind = 'auto_topup';

alter table public.wallets add column auto_topup_below bigint;
comment on column public.wallets.auto_topup_below is 'The threshold of an enabled auto_topups row, so that a spend need not look for one; null: off.';

alter table public.plans enable row level security;
alter table private.plan_prices enable row level security;
alter table public.subscriptions enable row level security;
alter table public.auto_topups enable row level security;

revoke all on public.plans, private.plan_prices, public.subscriptions, public.auto_topups
  from public, anon, authenticated, service_role;
grant select on public.plans to anon, authenticated, service_role;
grant select on public.subscriptions, public.auto_topups to service_role;
grant select (id, user_id, plan_id, status, current_period_start, current_period_end, cancel_at_period_end, ended_at, created_at)
  on public.subscriptions to authenticated;
grant select (wallet_id, user_id, enabled, threshold, package_id, monthly_cap_cents, stopped_reason, updated_at) on public.auto_topups to authenticated;

create policy "everyone reads the active plans" on public.plans
  for select to anon, authenticated using (active);
create policy "owners read their subscriptions" on public.subscriptions
  for select to authenticated using (user_id = (select auth.uid()));
create policy "owners read their automatic top-up" on public.auto_topups
  for select to authenticated using (user_id = (select auth.uid()));
