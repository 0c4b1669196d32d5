-- Totals for /metrics: what has ended is counted once, in the order of time, and never looked at again.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table private.metric_totals (
  name text not null,
  labels jsonb not null,
  value numeric not null,
  primary key (name, labels)
);
comment on table private.metric_totals is 'Counters since the installation: a row per name and labels, a few hundred in all.';

create table private.metric_cursor (
  singleton boolean primary key default true check (singleton),
  counted_until timestamptz not null,
  ledger_id bigint not null
);
comment on table private.metric_cursor is 'One row. Whatever ended up to counted_until stands in metric_totals. ledger_id: a ledger row near there, to start reading from.';
insert into private.metric_cursor (counted_until, ledger_id)
select now(), coalesce(max(t.id), 0) from public.credit_transactions t;

alter table private.metric_totals enable row level security;
alter table private.metric_cursor enable row level security;
revoke all on private.metric_totals, private.metric_cursor from public, anon, authenticated, service_role;
