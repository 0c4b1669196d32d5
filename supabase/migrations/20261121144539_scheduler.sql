-- What the scheduler has done, what it has found wrong, and what the people in charge have been told of it.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table private.scheduled_jobs (
  name text primary key check (char_length(name) between 1 and 64),
  interval_seconds double precision not null check (interval_seconds > 0),
  planned boolean not null default true,
  planned_at timestamptz not null,
  last_started_at timestamptz,
  last_finished_at timestamptz,
  last_outcome text check (last_outcome in ('ok', 'failed')),
  last_error text check (char_length(last_error) <= 1000),
  last_result jsonb,
  runs bigint not null default 0,
  failures bigint not null default 0,
  failures_in_a_row bigint not null default 0
) with (fillfactor = 50);
comment on table private.scheduled_jobs is 'One row per job of the scheduler. planned: the release that leads has it. A job that runs every few seconds is noted every half minute.';

create table private.reconciliation (
  singleton boolean primary key default true check (singleton),
  ledger_id bigint not null default 0
);
comment on table private.reconciliation is 'One row. Ledger rows up to ledger_id have been looked at; those of the last two minutes are looked at again, since rows may become visible out of order.';
insert into private.reconciliation default values;

-- No foreign keys: like a checkpoint, it must outlast what it speaks of.
create table private.reconciled_wallets (
  wallet_id uuid primary key,
  ledger_id bigint not null,
  ledger_head bytea not null,
  balance numeric not null,
  reconciled_at timestamptz not null
) with (fillfactor = 70);
comment on table private.reconciled_wallets is 'Up to which ledger row a wallet was found to be sound, and its head and balance there; the next look begins after it.';

create table private.ledger_problems (
  id bigint generated always as identity primary key,
  source text not null check (source in ('wallets', 'holds', 'books')),
  wallet_id uuid,
  transaction_id bigint,
  problem text not null,
  detail jsonb not null default '{}',
  once_key text not null,
  found_at timestamptz not null,
  resolved_at timestamptz
);
comment on table private.ledger_problems is 'What was found wrong in the books; wallet_id is null when it is no single wallet. resolved_at: when it was looked for and not found any more.';
create unique index ledger_problems_open on private.ledger_problems (once_key) where resolved_at is null;
create index ledger_problems_open_by_wallet on private.ledger_problems (wallet_id) where resolved_at is null;

create table private.incidents (
  id uuid primary key default gen_random_uuid(),
  kind text not null check (kind ~ '^[a-z][a-z0-9_]{0,63}$'),
  subject text not null default '',
  detail jsonb not null default '{}',
  began_at timestamptz not null,
  ended_at timestamptz,
  told_began text[] not null default '{}',
  told_ended text[] not null default '{}'
);
comment on table private.incidents is 'What people in charge are alerted to, once when it begins and once when it ends. told_*: the channels that have delivered it.';
create unique index incidents_open on private.incidents (kind, subject) where ended_at is null;
create index incidents_by_end on private.incidents (ended_at);

alter table private.settings add column expiry_notice_days integer not null default 7 check (expiry_notice_days between 0 and 365);
comment on column private.settings.expiry_notice_days is 'How many days before a lot expires its owner is told; 0: never.';

-- How often generations fail is asked of the recent ones only.
create index generations_finished on public.generations (finished_at) where finished_at is not null;

alter table private.scheduled_jobs enable row level security;
alter table private.reconciliation enable row level security;
alter table private.reconciled_wallets enable row level security;
alter table private.ledger_problems enable row level security;
alter table private.incidents enable row level security;

revoke all on private.scheduled_jobs, private.reconciliation, private.reconciled_wallets, private.ledger_problems, private.incidents
  from public, anon, authenticated, service_role;
revoke all on sequence private.ledger_problems_id_seq from public, anon, authenticated, service_role;
