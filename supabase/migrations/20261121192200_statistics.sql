-- Statistics: daily roll-ups of the ledger, of payments and of generations that ended, and which raw rows they hold.
-- Hot tables get nothing: no column, no trigger, no index.
set lock_timeout = '4s';
set statement_timeout = '60s';

-- A step of a payment says what was charged by then, so that it never has to be looked up again.
alter table private.payment_history add column charged_cents bigint;

create table private.statistics_cursor (
  singleton boolean primary key default true check (singleton),
  ledger_uncounted int8multirange not null default '{[1,)}',
  payments_uncounted int8multirange not null default '{[1,)}',
  generations_until timestamptz not null default '-infinity',
  settled_until timestamptz not null default '-infinity',
  mark_xid xid8,
  mark_at timestamptz,
  mark_ledger_id bigint,
  mark_payments_id bigint,
  caught_up_at timestamptz not null default now(),
  check (generations_until <= settled_until)
);
comment on table private.statistics_cursor is 'One row. *_uncounted: ids of ledger rows and of steps of payments that the roll-ups do not hold. generations_until: those that ended before are held. Once every transaction below mark_xid is over, all that ended before mark_at can be seen, and no id below mark_*_id is still to come. caught_up_at: when nothing was left to be counted.';
insert into private.statistics_cursor default values;

create table private.daily_credits (
  day date not null,
  kind text not null,
  contra text not null,
  model_id text not null,
  entries bigint not null,
  credits bigint not null,
  absorbed bigint not null,
  primary key (day, kind, contra, model_id)
);
comment on table private.daily_credits is 'Sums of the ledger. credits: signed, as wallets see them. model_id: of the generation that used them or got them back, else empty.';

create table private.daily_generations (
  day date not null,
  model_id text not null,
  status text not null,
  wait_bucket smallint not null,
  generations bigint not null,
  waited_ms bigint not null,
  longest_ms bigint not null,
  cost_micros bigint not null,
  unknown_costs bigint not null,
  primary key (day, model_id, status, wait_bucket)
);
comment on table private.daily_generations is 'Generations by the day on which they ended. wait_bucket: place of the time in queue among private.wait_bounds(), from 1; 0: never started. unknown_costs: succeeded ones whose cost nobody knows.';

create table private.daily_revenue (
  day date not null,
  currency text not null,
  payments bigint not null,
  charged_cents bigint not null,
  refunded_cents bigint not null,
  disputed_cents bigint not null,
  primary key (day, currency)
);
comment on table private.daily_revenue is 'What payments brought in and what was reversed, by the day on which we learned of it. A refund or dispute that is undone counts below zero.';

create table private.monthly_buyers (
  wallet_id uuid not null,
  month date not null,
  currency text not null,
  payments bigint not null,
  revenue_cents bigint not null,
  primary key (wallet_id, month, currency)
);
comment on table private.monthly_buyers is 'What each buyer brought in per month, net of what was reversed in it. The first month with a payment is his cohort.';

create table private.active_wallets (
  period text not null check (period in ('day', 'month')),
  start date not null,
  wallet_id uuid not null,
  uses bigint not null,
  credits bigint not null,
  primary key (period, start, wallet_id)
);
comment on table private.active_wallets is 'Who used credits in a day or month (start: its first day), how often, and how many. Distinct users can not be added up, so they are kept.';

create table private.active_counts (
  period text not null,
  start date not null,
  wallets bigint not null,
  primary key (period, start)
);
comment on table private.active_counts is 'How many rows active_wallets has for a period, so that a chart need not count them.';

alter table private.statistics_cursor enable row level security;
alter table private.daily_credits enable row level security;
alter table private.daily_generations enable row level security;
alter table private.daily_revenue enable row level security;
alter table private.monthly_buyers enable row level security;
alter table private.active_wallets enable row level security;
alter table private.active_counts enable row level security;
revoke all on private.statistics_cursor, private.daily_credits, private.daily_generations, private.daily_revenue,
  private.monthly_buyers, private.active_wallets, private.active_counts from public, anon, authenticated, service_role;
